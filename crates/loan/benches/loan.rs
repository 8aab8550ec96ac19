//! How fast exact schedules, relief and histories are, beside a loop in floats that makes dates and rounds to cents too.

#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::civil::Date;
use loan::{
    Account, Amortisation, Amount, Contract, Conventions, Currency, DeferralInterest, DuePaid, Event,
    EventKind, Extension, InterestScope, Measure, Origin, Product, Rate, Terms, Waiver, history, relief,
    schedule,
};

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn contract(instalments: u16) -> Contract {
    Contract {
        currency: Currency::parse("CNY").unwrap(),
        principal: Amount::new(24_000_000),
        annual_rate: Rate::parse("0.1495").unwrap(),
        amortisation: Amortisation::EqualInstalments,
        instalments,
        interest_from: date("2020-01-15"),
        first_due: date("2020-02-15"),
        anchor_day: None,
        instalment_multiple_of: None,
        conventions: Conventions::default(),
    }
}

/// One row of the float loop.
#[expect(dead_code, reason = "filled, and looked at by the optimiser's black box only")]
struct FloatRow {
    due: Date,
    principal: f64,
    interest: f64,
    balance: f64,
}

/// The naive loop: floats, dates that keep the 15th, cents rounded half away from zero.
fn float_rows(contract: &Contract) -> Vec<FloatRow> {
    let rate = 0.1495 / 12.0;
    let mut balance = 240_000.0_f64;
    let count = i32::from(contract.instalments);
    let level = cents(balance * rate / (1.0 - (1.0 + rate).powi(-count)));
    let mut rows = Vec::with_capacity(usize::from(contract.instalments));
    for nr in 0..count {
        let due = loan::calendar::month_after(15, contract.first_due, nr).unwrap();
        let interest = cents(balance * rate);
        let principal = if nr + 1 == count { balance } else { cents(level - interest) };
        balance = cents(balance - principal);
        rows.push(FloatRow { due, principal, interest, balance });
    }
    rows
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule");
    for instalments in [12_u16, 60, 360] {
        let contract = contract(instalments);
        group.throughput(Throughput::Elements(u64::from(instalments)));
        group.bench_function(BenchmarkId::new("exact", instalments), |bencher| {
            bencher.iter(|| schedule::build(black_box(&contract)).unwrap());
        });
        group.bench_function(BenchmarkId::new("float", instalments), |bencher| {
            bencher.iter(|| float_rows(black_box(&contract)));
        });
    }
    group.finish();
}

fn terms() -> Terms {
    Terms {
        measures: vec![
            Measure::WaivePenalty { waiver: Waiver::ALL },
            Measure::WaiveInterest { scope: InterestScope::Overdue, waiver: Waiver::ALL },
            Measure::TermExtension { by: Extension::Instalments(6) },
        ],
        first_payment: None,
    }
}

fn deferral() -> Terms {
    Terms {
        measures: vec![
            Measure::WaivePenalty { waiver: Waiver::ALL },
            Measure::WaiveInterest { scope: InterestScope::Overdue, waiver: Waiver::ALL },
            Measure::Deferral { months: 3, interest: DeferralInterest::Spread },
        ],
        first_payment: None,
    }
}

fn account(instalments: u16, paid: u16) -> Account {
    account_of(contract(instalments), paid)
}

fn account_of(contract: Contract, paid: u16) -> Account {
    let dues = schedule::build(&contract).unwrap();
    let product = Product {
        penalty_multiplier: loan::Ratio::parse("1.5").unwrap(),
        cost_cap: Rate::parse("0.24").unwrap(),
        allocation: Product::default_allocation(),
        overpayment: loan::Overpayment::ReduceNext,
        late_allocation: None,
        overdue_interest: loan::OverdueInterest::None,
        pay_off_interest: loan::PayOffInterest::ToDate,
    };
    let mut account = Account::open(Origin::Computed(contract), product).unwrap();
    for row in dues.iter().take(usize::from(paid)) {
        account.events.push(Event {
            effective: row.due,
            entered: format!("{}T00:00:00Z", row.due).parse().unwrap(),
            kind: EventKind::Payment { id: format!("p{}", row.nr), amount: row.total().unwrap() },
        });
    }
    account
}

fn measures(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relief");
    let account = account(60, 6);
    let on = date("2020-09-20");
    let state = account.state(on).unwrap();
    for (name, terms) in [("waivers and extension", terms()), ("waivers and deferral", deferral())] {
        group.bench_function(BenchmarkId::new("60 rows", name), |bencher| {
            bencher.iter(|| {
                relief::apply(black_box(&state), account.contract(), black_box(&terms), on).unwrap()
            });
        });
    }
    group.bench_function("preview of 60 rows", |bencher| {
        bencher.iter(|| black_box(&account).preview(black_box(&terms()), on).unwrap());
    });
    group.bench_function("replay of 6 payments", |bencher| {
        bencher.iter(|| black_box(&account).state(on).unwrap());
    });
    let mut daily = account_of(
        Contract {
            conventions: Conventions { accrual: loan::Accrual::Daily, ..Conventions::default() },
            ..contract(600)
        },
        600,
    );
    daily.product.overdue_interest = loan::OverdueInterest::ContractRate;
    for event in &mut daily.events {
        event.effective = loan::calendar::days_after(event.effective, 5).unwrap();
    }
    let on = date("2070-06-01");
    group.sample_size(10);
    group.bench_function("replay of 600 late payments, interest by nights", |bencher| {
        bencher.iter(|| black_box(&daily).state(on).unwrap());
    });
    group.finish();
}

fn histories(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("history");
    let contract = contract(120);
    let rows = schedule::build(&contract).unwrap();
    let as_of = date("2030-03-01");
    let dates: Vec<DuePaid> = rows
        .iter()
        .map(|row| DuePaid {
            due: row.due,
            paid_on: Some(loan::calendar::days_after(row.due, i32::try_from(row.nr % 9).unwrap()).unwrap()),
        })
        .collect();
    group.bench_function("120 due and paid dates", |bencher| {
        bencher.iter(|| history::from_dates(contract.interest_from, black_box(&dates), as_of).unwrap());
    });
    let state = account(120, 110).state(as_of).unwrap();
    group.bench_function("state of 120 rows", |bencher| {
        bencher.iter(|| black_box(&state).history(as_of).unwrap());
    });
    group.finish();
}

criterion_group!(benches, rows, measures, histories);
criterion_main!(benches);
