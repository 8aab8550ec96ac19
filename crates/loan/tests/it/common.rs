//! Loans, dates and events in short words.

use loan::{
    Account, Amortisation, Amount, Contract, Currency, Date, Event, EventKind, Measure, Origin, Overpayment,
    Product, Rate, Ratio, State, Terms,
};

pub fn cny() -> Currency {
    Currency::parse("CNY").unwrap()
}

/// Reads `1,079.70`.
pub fn money(text: &str) -> Amount {
    Amount::parse(&text.replace(',', ""), cny()).unwrap()
}

pub fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn ratio(text: &str) -> Ratio {
    Ratio::parse(text).unwrap()
}

pub fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

pub fn contract(principal: &str, instalments: u16, annual_rate: &str, interest_from: &str) -> Contract {
    let interest_from = date(interest_from);
    let anchor = u8::try_from(interest_from.day()).unwrap();
    Contract {
        currency: cny(),
        principal: money(principal),
        annual_rate: rate(annual_rate),
        amortisation: Amortisation::EqualInstalments,
        instalments,
        interest_from,
        first_due: loan::calendar::month_after(anchor, interest_from, 1).unwrap(),
        anchor_day: Some(anchor),
        instalment_multiple_of: None,
        conventions: loan::Conventions::default(),
    }
}

pub fn product() -> Product {
    Product {
        penalty_multiplier: ratio("1.5"),
        cost_cap: rate("0.24"),
        allocation: Product::default_allocation(),
        overpayment: Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: loan::OverdueInterest::None,
        pay_off_interest: loan::PayOffInterest::ToDate,
    }
}

pub fn account(contract: Contract) -> Account {
    Account::open(Origin::Computed(contract), product()).unwrap()
}

/// Entered at midnight UTC of its day.
pub fn event(effective: &str, kind: EventKind) -> Event {
    let entered = format!("{effective}T00:00:00Z").parse().unwrap();
    Event { effective: date(effective), entered, kind }
}

pub fn payment(effective: &str, id: &str, amount: &str) -> Event {
    event(effective, EventKind::Payment { id: id.to_owned(), amount: money(amount) })
}

pub fn relief(effective: &str, id: &str, terms: &Terms) -> Event {
    event(effective, EventKind::Relief { id: id.to_owned(), terms: terms.clone() })
}

pub fn undone(effective: &str, id: &str, kept_to: Option<&str>) -> Event {
    event(effective, EventKind::ReliefUndone { id: id.to_owned(), kept_to: kept_to.map(date) })
}

pub fn record(account: &Account, events: impl IntoIterator<Item = Event>) -> Account {
    events.into_iter().fold(account.clone(), |account, event| account.record(event).unwrap())
}

pub fn state(account: &Account, as_of: &str) -> State {
    account.state(date(as_of)).unwrap()
}

/// Pays the first `count` rows in full on their due dates.
pub fn pay_on_time(account: &Account, count: usize) -> Account {
    let rows = account.origin.rows().unwrap();
    rows.iter().take(count).fold(account.clone(), |account, row| {
        let kind = EventKind::Payment { id: format!("due-{}", row.nr), amount: row.total().unwrap() };
        account.record(event(&row.due.to_string(), kind)).unwrap()
    })
}

pub fn terms(measures: Vec<Measure>, first_payment: Option<&str>) -> Terms {
    Terms { measures, first_payment: first_payment.map(date) }
}

pub fn waive_penalty() -> Measure {
    Measure::WaivePenalty { waiver: loan::Waiver::ALL }
}

/// `nr due total` of the rows in force from `from` on.
pub fn totals(state: &State, from: u32) -> Vec<(u32, String, Amount)> {
    state
        .rows
        .iter()
        .filter(|row| row.row.nr >= from)
        .map(|row| (row.row.nr, row.row.due.to_string(), row.row.total().unwrap()))
        .collect()
}
