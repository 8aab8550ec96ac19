//! What relief costs, by part.

use loan::{
    Account, Amount, DeferralInterest, Extension, InterestScope, Measure, Preview, Ratio, ReAgeOver,
    ReducedPayment, ReductionInterest, ReliefCost, SettlementSum, ShortfallOver, Terms, Waiver,
};

use crate::common::*;

const ON: &str = "2026-07-20";

/// The first story's loan: 12,000.00 at `annual_rate`, row 6 of 2026-07-15 missed.
fn missed(annual_rate: &str) -> Account {
    pay_on_time(&account(contract("12,000.00", 12, annual_rate, "2026-01-15")), 5)
}

fn preview(loan: &Account, measures: Vec<Measure>) -> Preview {
    loan.preview(&terms(measures, None), date(ON)).unwrap()
}

fn deferral(interest: DeferralInterest) -> Measure {
    Measure::Deferral { months: 3, interest }
}

fn settlement(share: &str) -> Vec<Measure> {
    vec![
        waive_penalty(),
        Measure::WaiveInterest { scope: InterestScope::Overdue, waiver: Waiver::ALL },
        Measure::Settlement {
            sum: SettlementSum::PrincipalShare(ratio(share)),
            pay_by: date("2026-08-20"),
            parts: 1,
        },
    ]
}

fn kinds() -> Vec<Vec<Measure>> {
    vec![
        vec![waive_penalty()],
        vec![Measure::WaiveInterest { scope: InterestScope::All, waiver: Waiver::Share(ratio("0.5")) }],
        vec![waive_penalty(), deferral(DeferralInterest::None)],
        vec![deferral(DeferralInterest::Paid)],
        vec![deferral(DeferralInterest::Spread)],
        vec![deferral(DeferralInterest::AtEnd)],
        vec![Measure::ReAge { over: ReAgeOver::Remaining }],
        vec![Measure::TermExtension { by: Extension::Instalments(6) }],
        vec![Measure::RateReduction { rate: rate("0.05"), until: None }],
        vec![Measure::PaymentReduction {
            pay: ReducedPayment::Factor(ratio("0.5")),
            instalments: 3,
            shortfall_over: ShortfallOver::ToEnd,
            interest: ReductionInterest::Contract,
        }],
        settlement("0.9"),
    ]
}

fn parts(cost: &ReliefCost) -> Amount {
    let given = Amount::try_sum([
        cost.penalty_waived,
        cost.fee_waived,
        cost.interest_waived,
        cost.principal_forgiven,
        cost.interest_never_earned,
        cost.time_value,
    ]);
    given.unwrap().sub(cost.interest_added).unwrap()
}

#[test]
fn the_parts_are_the_total_and_explain_the_difference_in_payments() {
    for measures in kinds() {
        let shown = format!("{measures:?}");
        let preview = preview(&missed("0.144"), measures);
        let cost = preview.cost;
        assert_eq!(parts(&cost), cost.total, "{shown}");
        assert_eq!(cost.total, cost.penalty_waived.add(preview.pv_loss).unwrap(), "{shown}");
        // Without the time value they are what the borrower pays less.
        let nominal = cost.total.sub(cost.time_value).unwrap();
        assert_eq!(nominal, Amount::ZERO.sub(preview.difference).unwrap(), "{shown}");
    }
}

#[test]
fn each_measure_costs_its_own_part() {
    let loan = missed("0.144");
    let state = state(&loan, ON);
    let deferred = preview(&loan, vec![waive_penalty(), deferral(DeferralInterest::None)]).cost;
    let expected = ReliefCost {
        penalty_waived: money("2.98"),
        time_value: money("256.42"),
        total: money("259.40"),
        ..ReliefCost::default()
    };
    assert_eq!(deferred, expected);

    // Interest that runs through the deferral pays for most of the time.
    let spread = preview(&loan, vec![deferral(DeferralInterest::Spread)]).cost;
    assert!(spread.interest_added > money("200.00"));
    assert!(spread.total < money("20.00"), "{}", spread.total);

    let settled = preview(&loan, settlement("0.9")).cost;
    assert_eq!(settled.principal_forgiven, money("720.79"));
    assert_eq!(settled.interest_waived, state.arrears.interest);
    assert!(settled.interest_never_earned > Amount::ZERO);
    // Interest that would have come later isn't worth its face.
    assert!(settled.time_value.is_negative());

    let cheaper = preview(&loan, vec![Measure::RateReduction { rate: rate("0.05"), until: None }]).cost;
    assert!(cheaper.interest_added.is_negative());
    assert!(cheaper.total > Amount::ZERO);
}

#[test]
fn terms_that_change_nothing_cost_nothing() {
    let nothing = vec![Measure::WaivePenalty { waiver: Waiver::Share(Ratio::ZERO) }];
    let preview = preview(&missed("0.144"), nothing);
    assert_eq!(preview.cost, ReliefCost::default());
    assert_eq!(preview.pv_loss, Amount::ZERO);
    // 7,207.86 of principal, and the interest that is due.
    assert_eq!(preview.outlay, money("7,207.86").add(money("86.49")).unwrap());
    // An unchanged contract costs its own rate, and that rate twelve times compounded.
    let nominal = preview.annual_cost.unwrap().decimal();
    assert!((nominal - rate("0.144").decimal()).abs() < rust_decimal::Decimal::new(1, 4), "{nominal}");
    let effective = preview.effective_annual_cost.unwrap().decimal();
    assert!((effective - rate("0.153895").decimal()).abs() < rust_decimal::Decimal::new(3, 3), "{effective}");
}

#[test]
fn time_costs_nothing_without_interest() {
    // There is no lower rate than none.
    let lowers = |measure: &Measure| matches!(measure, Measure::RateReduction { .. });
    for measures in kinds().into_iter().filter(|measures| !measures.iter().any(lowers)) {
        let shown = format!("{measures:?}");
        let preview = preview(&missed("0"), measures);
        assert_eq!(preview.cost.time_value, Amount::ZERO, "{shown}");
        assert!(preview.effective_annual_cost.is_none_or(|rate| rate <= loan::Rate::ZERO), "{shown}");
    }
}

#[test]
fn a_preview_shows_a_negative_cost_where_less_comes_back() {
    let preview = preview(&missed("0.144"), settlement("0.9"));
    assert_eq!(preview.annual_cost, None);
    // About 89 % of the outlay 36 days after the value date.
    let effective = preview.effective_annual_cost.unwrap().decimal();
    assert!(effective < rust_decimal::Decimal::new(-6, 1), "{effective}");
    let stored: Preview = serde_json::from_str(&serde_json::to_string(&preview).unwrap()).unwrap();
    assert_eq!(stored, preview);
    let empty = Terms { measures: Vec::new(), first_payment: None };
    assert_eq!(missed("0.144").preview(&empty, date(ON)).unwrap_err().code(), "TERMS_INVALID");
}
