//! Every relief measure on one loan: 12,000.00 over 12 months at 12 %, rows 1 and 2 paid, row 3 missed.

use loan::{
    Account, Amortisation, Amount, Applied, Contract, DeferralInterest, Extension, InterestScope, LoanError,
    Measure, Ratio, ReAgeOver, ReducedPayment, ReductionInterest, Row, ShortfallOver, Terms, relief,
};

use crate::common::*;

/// Acceptance day: 5 days after the third due date.
const ON: &str = "2026-04-20";

fn loan() -> Account {
    pay_on_time(&account(contract("12,000.00", 12, "0.12", "2026-01-15")), 2)
}

fn apply(loan: &Account, measures: Vec<Measure>) -> Result<Applied, LoanError> {
    let state = state(loan, ON);
    relief::apply(&state, loan.contract(), &terms(measures, None), date(ON))
}

fn row(rows: &[Row], nr: u32) -> &Row {
    rows.iter().find(|row| row.nr == nr).unwrap()
}

fn sum(rows: &[Row], of: impl Fn(&Row) -> Amount) -> Amount {
    Amount::try_sum(rows.iter().map(of)).unwrap()
}

#[test]
fn re_age_spreads_principal_and_interest_and_leaves_penalty() {
    let loan = loan();
    let before = state(&loan, ON);
    let overdue = &before.rows[2];
    let cases = [
        (ReAgeOver::NextRows(4), vec![4, 5, 6, 7]),
        (ReAgeOver::Remaining, (4..=12).collect()),
        (ReAgeOver::End, vec![12]),
    ];
    for (over, receivers) in cases {
        let applied = apply(&loan, vec![Measure::ReAge { over }]).unwrap();
        assert!(row(&applied.rows, 3).total().unwrap().is_zero());
        let count = i64::try_from(receivers.len()).unwrap();
        for nr in 4..=12 {
            let (old, new) = (&before.rows[nr as usize - 1].row, row(&applied.rows, nr));
            let gained = new.principal.sub(old.principal).unwrap().minor();
            let even = overdue.row.principal.minor() / count;
            if receivers.contains(&nr) {
                assert!((gained - even).abs() <= count, "row {nr}: {gained}");
                assert!(new.relief_interest > Amount::ZERO);
            } else {
                assert_eq!(new, &Row { balance_after: new.balance_after, ..old.clone() });
            }
        }
        assert_eq!(sum(&applied.rows, |row| row.relief_interest), overdue.row.interest);
        assert_eq!(applied.total_to_pay, before.owed.total().unwrap());
        let after = record(&loan, [relief_of(vec![Measure::ReAge { over }])]);
        let after = state(&after, ON);
        assert_eq!(after.dpd.current, 0);
        assert_eq!(after.dpd.contract, 5);
        assert_eq!(after.arrears.penalty, before.arrears.penalty);
        assert_eq!(after.arrears.total().unwrap(), before.arrears.penalty);
    }
}

fn relief_of(measures: Vec<Measure>) -> loan::Event {
    relief(ON, "plan", &terms(measures, None))
}

#[test]
fn deferral_interest_is_shown_where_the_terms_put_it() {
    let loan = loan();
    let before = state(&loan, ON);
    // 10,093.66 or so of principal left at 1 % a month, two months.
    let two_months = before.principal_left.mul_ratio(ratio("0.02")).unwrap();
    let of = |interest| apply(&loan, vec![Measure::Deferral { months: 2, interest }]).unwrap();

    let none = of(DeferralInterest::None);
    assert_eq!(none.relief_interest, Amount::ZERO);
    assert_eq!(row(&none.rows, 3).due, date("2026-06-15"));
    assert_eq!(none.end, date("2027-03-15"));

    let at_end = of(DeferralInterest::AtEnd);
    assert_eq!(at_end.relief_interest, two_months);
    assert_eq!(row(&at_end.rows, 12).relief_interest, two_months);

    let spread = of(DeferralInterest::Spread);
    assert_eq!(spread.relief_interest, two_months);
    assert_eq!(sum(&spread.rows, |row| row.relief_interest), two_months);
    let shares: Vec<Amount> = (3..12).map(|nr| row(&spread.rows, nr).relief_interest).collect();
    assert!(shares.windows(2).all(|pair| pair[0] == pair[1]));

    let paid = of(DeferralInterest::Paid);
    let monthly = before.principal_left.mul_ratio(ratio("0.01")).unwrap();
    assert_eq!(paid.relief_interest.minor(), monthly.minor() * 2);
    assert_eq!(paid.rows.len(), 14);
    for nr in [3, 4] {
        let row = row(&paid.rows, nr);
        assert_eq!((row.principal, row.total().unwrap()), (Amount::ZERO, monthly));
        // Row 3 is overdue: its interest meanwhile is due with the next one.
        assert_eq!(row.due, date("2026-05-15"));
    }
    for nr in 3..=12_u32 {
        let (old, moved) = (&before.rows[nr as usize - 1].row, row(&paid.rows, nr + 2));
        assert_eq!((old.principal, old.interest), (moved.principal, moved.interest));
    }
    assert_eq!(paid.end, date("2027-03-15"));
}

#[test]
fn a_reduced_instalment_pays_its_interest_first() {
    let loan = loan();
    let before = state(&loan, ON);
    let reduce = |pay, shortfall_over, interest| {
        let reduction = Measure::PaymentReduction { pay, instalments: 2, shortfall_over, interest };
        apply(&loan, vec![reduction]).unwrap()
    };
    // 50.00 is below each row's interest: all principal and part of the interest are put off.
    let pay = ReducedPayment::Amount(money("50.00"));
    let deep = reduce(pay, ShortfallOver::Rows(3), ReductionInterest::None);
    for nr in [3, 4] {
        let row = row(&deep.rows, nr);
        assert_eq!((row.principal, row.interest), (Amount::ZERO, money("50.00")));
    }
    let interest_before =
        sum(&before.rows.iter().map(|row| row.row.clone()).collect::<Vec<_>>(), |row| row.interest);
    let put_off = sum(&deep.rows, |row| row.relief_interest);
    assert!(put_off > Amount::ZERO);
    assert_eq!(sum(&deep.rows, |row| row.interest).add(put_off).unwrap(), interest_before);
    assert_eq!(deep.total_to_pay, before.owed.total().unwrap());

    let half = ReducedPayment::Factor(ratio("0.5"));
    let end = reduce(half, ShortfallOver::ToEnd, ReductionInterest::None);
    assert_eq!(end.highest_payment, row(&end.rows, 12).total().unwrap());
    assert_eq!(end.total_to_pay, before.owed.total().unwrap());

    // Contract interest: put-off P3 bears a month until row 4, P3 + P4 until row 5, then what isn't collected yet.
    let charged = reduce(half, ShortfallOver::Rows(2), ReductionInterest::Contract);
    let put_off: Vec<i64> = [3_u32, 4]
        .iter()
        .map(|nr| {
            before.rows[*nr as usize - 1].row.principal.minor() - row(&charged.rows, *nr).principal.minor()
        })
        .collect();
    let all = put_off[0] + put_off[1];
    let month = |minor: i64| Amount::new(minor).mul_ratio(ratio("0.01")).unwrap().minor();
    let first_share = row(&charged.rows, 5).principal.minor() - before.rows[4].row.principal.minor();
    let expected = month(put_off[0]) + month(all) + month(all - first_share);
    assert_eq!(charged.relief_interest.minor(), expected);
    assert_eq!(sum(&charged.rows, |row| row.relief_interest).minor(), expected);
}

#[test]
fn extension_and_rate_re_solve_the_instalments_to_come() {
    let loan = loan();
    let before = state(&loan, ON);
    let old = before.rows[3].row.total().unwrap();
    let extend =
        |by| apply(&loan, vec![Measure::ReAge { over: ReAgeOver::Remaining }, Measure::TermExtension { by }]);

    let six = extend(Extension::Instalments(6)).unwrap();
    assert_eq!(six.rows.len(), 18);
    assert_eq!(six.end, date("2027-07-15"));
    assert!(row(&six.rows, 4).total().unwrap() < old);
    assert!(six.relief_interest > Amount::ZERO);
    let level = |nr| {
        let row = row(&six.rows, nr);
        row.principal.add(row.interest).unwrap()
    };
    assert!((4..18).all(|nr| level(nr) == level(4)));

    // The shortest term that reaches the target: one instalment fewer doesn't.
    let target = money("700.00");
    let reached = extend(Extension::TargetPayment(target)).unwrap();
    let extra = u16::try_from(reached.rows.len() - 12).unwrap();
    assert_eq!(reached, extend(Extension::Instalments(extra)).unwrap());
    let solved = |applied: &Applied| {
        let row = row(&applied.rows, 4);
        row.principal.add(row.interest).unwrap()
    };
    assert!(solved(&reached) <= target);
    assert!(solved(&extend(Extension::Instalments(extra - 1)).unwrap()) > target);
    assert_eq!(extend(Extension::TargetPayment(money("1.00"))).unwrap_err().code(), "TARGET_TOO_LOW");

    let cut = |rate_text, until: Option<&str>| {
        apply(&loan, vec![Measure::RateReduction { rate: rate(rate_text), until: until.map(date) }])
    };
    let for_good = cut("0.06", None).unwrap();
    assert!(for_good.relief_interest.is_negative());
    assert_eq!(for_good.rows.len(), 12);
    assert_eq!(row(&for_good.rows, 3), &Row { ..before.rows[2].row.clone() });
    let until = cut("0.06", Some("2026-07-15")).unwrap();
    for nr in 4..=6 {
        assert_eq!(row(&until.rows, nr).interest, row(&for_good.rows, nr).interest);
    }
    // Row 7 is the first at the contract rate again.
    let balance = row(&until.rows, 6).balance_after;
    assert_eq!(row(&until.rows, 7).interest, balance.mul_ratio(ratio("0.01")).unwrap());
    assert!(row(&until.rows, 7).total().unwrap() > row(&until.rows, 6).total().unwrap());
    assert_eq!(cut("0.13", None).unwrap_err().code(), "TERMS_INVALID");
    let free = cut("0", None).unwrap();
    assert!((4..=12).all(|nr| row(&free.rows, nr).interest.is_zero()));
}

#[test]
fn settlements_come_in_parts_and_earn_interest_until_they_are_paid() {
    let loan = loan();
    let before = state(&loan, ON);
    let settle = |share, parts| {
        apply(
            &loan,
            vec![Measure::Settlement {
                sum: loan::SettlementSum::PrincipalShare(ratio(share)),
                pay_by: date("2026-07-10"),
                parts,
            }],
        )
    };
    let three = settle("0.7", 3).unwrap();
    let dues: Vec<String> = (3..=5).map(|nr| row(&three.rows, nr).due.to_string()).collect();
    assert_eq!(dues, ["2026-05-10", "2026-06-10", "2026-07-10"]);
    let sum_left = Amount::try_sum((3..=5).map(|nr| row(&three.rows, nr).principal)).unwrap();
    assert_eq!(sum_left, before.principal_left.mul_ratio(ratio("0.7")).unwrap());
    assert_eq!(three.forgiven_principal, before.principal_left.sub(sum_left).unwrap());
    // Rows 3 to 5 (05-15, 06-15 included) fall due by 07-10 and were not waived.
    let earned = Amount::try_sum((2..5).map(|index| before.rows[index].row.interest)).unwrap();
    assert_eq!(row(&three.rows, 3).relief_interest, earned);
    assert!((6..=12).all(|nr| row(&three.rows, nr).total().unwrap().is_zero()));
    assert_eq!(settle("0.7", 4).unwrap_err().code(), "TERMS_INVALID");
}

#[test]
fn token_payments_wait_for_the_review() {
    let tokens = Measure::TokenPayments { amount: money("20.00"), months: 3 };
    let applied = apply(&loan(), vec![waive_penalty(), tokens]).unwrap();
    assert!((3..=5).all(|nr| row(&applied.rows, nr).total().unwrap() == money("20.00")));
    assert_eq!(applied.relief_interest, Amount::ZERO);
    assert_eq!(applied.highest_payment, row(&applied.rows, 12).total().unwrap());
}

#[test]
fn waivers_take_their_share_of_what_is_in_scope() {
    let loan = loan();
    let before = state(&loan, ON);
    let half = ratio("0.5");
    let overdue = before.rows[2].row.interest;
    let table = [
        (InterestScope::Overdue, Ratio::ONE, overdue),
        (InterestScope::All, Ratio::ONE, before.owed.interest),
        (InterestScope::Future, Ratio::ONE, before.owed.interest.sub(overdue).unwrap()),
        (InterestScope::Overdue, half, overdue.mul_ratio(half).unwrap()),
    ];
    for (scope, share, expected) in table {
        let applied =
            apply(&loan, vec![Measure::WaiveInterest { scope, waiver: loan::Waiver::Share(share) }]).unwrap();
        assert_eq!(applied.waived.interest, expected, "{scope:?} {share}");
        assert!(applied.waived.penalty.is_zero());
    }
    let applied = apply(&loan, vec![Measure::WaivePenalty { waiver: loan::Waiver::Share(half) }]).unwrap();
    assert_eq!(applied.waived.penalty, before.owed.penalty.mul_ratio(half).unwrap());
}

#[test]
fn terms_that_contradict_themselves_are_refused() {
    let deferral = Measure::Deferral { months: 1, interest: DeferralInterest::None };
    let settlement = Measure::Settlement {
        sum: loan::SettlementSum::PrincipalShare(ratio("0.9")),
        pay_by: date("2026-05-20"),
        parts: 1,
    };
    let tokens = Measure::TokenPayments { amount: money("20.00"), months: 2 };
    let extension = Measure::TermExtension { by: Extension::Instalments(2) };
    let reduction = |instalments, rows| Measure::PaymentReduction {
        pay: ReducedPayment::Factor(ratio("0.5")),
        instalments,
        shortfall_over: ShortfallOver::Rows(rows),
        interest: ReductionInterest::None,
    };
    let future = Measure::WaiveInterest { scope: InterestScope::Future, waiver: loan::Waiver::ALL };
    let paid = Measure::Deferral { months: 1, interest: DeferralInterest::Paid };
    let lower = Measure::RateReduction { rate: rate("0.01"), until: None };
    let table: Vec<(Vec<Measure>, &str)> = vec![
        (vec![], "TERMS_INVALID"),
        (vec![paid.clone(), extension.clone()], "TERMS_INVALID"),
        (vec![paid, lower], "TERMS_INVALID"),
        (vec![deferral.clone(), deferral.clone()], "TERMS_INVALID"),
        (vec![Measure::ForgivePrincipal { share: ratio("0.1") }], "TERMS_INVALID"),
        (vec![Measure::ForgivePrincipal { share: ratio("0.2") }, settlement.clone()], "TERMS_INVALID"),
        (vec![settlement.clone(), deferral], "TERMS_INVALID"),
        (vec![tokens.clone(), extension.clone()], "TERMS_INVALID"),
        (vec![tokens, reduction(1, 1)], "TERMS_INVALID"),
        (vec![future, extension], "TERMS_INVALID"),
        (vec![Measure::WaivePenalty { waiver: loan::Waiver::Share(ratio("1.01")) }], "TERMS_INVALID"),
        (vec![Measure::WaivePenalty { waiver: loan::Waiver::Share(ratio("-0.01")) }], "TERMS_INVALID"),
        (vec![Measure::Deferral { months: 0, interest: DeferralInterest::None }], "TERMS_INVALID"),
        (vec![reduction(5, 6)], "NOT_ENOUGH_INSTALMENTS"),
        (vec![Measure::ReAge { over: ReAgeOver::NextRows(10) }], "NOT_ENOUGH_INSTALMENTS"),
        (vec![Measure::TermExtension { by: Extension::Instalments(600) }], "TERMS_INVALID"),
    ];
    for (measures, code) in table {
        let error = apply(&loan(), measures.clone()).unwrap_err();
        assert_eq!(error.code(), code, "{measures:?}: {error}");
    }
    let past = terms(vec![settlement], Some("2026-04-19"));
    assert_eq!(loan().preview(&past, date(ON)).unwrap_err().code(), "TERMS_INVALID");
    let state = state(&loan(), "2026-04-19");
    let other_day = relief::apply(&state, loan().contract(), &Terms::default(), date(ON)).unwrap_err();
    assert_eq!(other_day.code(), "STATE_OF_OTHER_DAY");
}

#[test]
fn canonical_keys_are_stable() {
    let key = terms(
        vec![
            Measure::PaymentReduction {
                pay: ReducedPayment::Factor(ratio("0.50")),
                instalments: 3,
                shortfall_over: ShortfallOver::Rows(6),
                interest: ReductionInterest::None,
            },
            waive_penalty(),
        ],
        Some("2026-07-31"),
    )
    .canonical_key();
    assert_eq!(key, "waive_penalty:1|payment_reduction:factor 0.5:3:6:none|first_payment:2026-07-31");
}

#[test]
fn equal_principal_and_flat_loans_extend_by_their_own_method() {
    for amortisation in [Amortisation::EqualPrincipal, Amortisation::Flat] {
        let contract = Contract { amortisation, ..contract("12,000.00", 12, "0.12", "2026-01-15") };
        let loan = pay_on_time(&account(contract), 3);
        let applied = apply(&loan, vec![Measure::TermExtension { by: Extension::Instalments(3) }]).unwrap();
        assert!((4..=15).all(|nr| row(&applied.rows, nr).principal == money("750.00")), "{amortisation:?}");
    }
}
