//! Laws of the arithmetic, tried on random loans, payments and terms.

use crate::common::*;
use loan::{
    Account, Amortisation, Amount, Contract, DeferralInterest, Event, EventKind, Extension, InterestScope,
    Measure, Rate, Ratio, ReAgeOver, ReducedPayment, ReductionInterest, ShortfallOver, State, Terms,
    relief as terms_on, schedule,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

fn any_contract() -> impl Strategy<Value = Contract> {
    let amortisation = prop_oneof![
        4 => Just(Amortisation::EqualInstalments),
        1 => Just(Amortisation::EqualPrincipal),
        1 => Just(Amortisation::Flat),
    ];
    (1_i64..50_000_000, 1_u16..60, 0_i64..3600, 1_i8..=31, amortisation).prop_map(
        |(principal, instalments, rate, day, amortisation)| Contract {
            principal: Amount::new(principal),
            annual_rate: Rate::from(Decimal::new(rate, 4)),
            amortisation,
            ..contract("1.00", instalments, "0", &format!("2026-01-{day:02}"))
        },
    )
}

/// Payments as (days after interest runs, share of the principal in thousandths).
fn any_payments() -> impl Strategy<Value = Vec<(i32, i64)>> {
    proptest::collection::vec((0_i32..500, 1_i64..400), 0..8)
}

fn day_of(contract: &Contract, days: i32) -> loan::Date {
    contract.interest_from.checked_add(jiff::Span::new().days(days)).unwrap()
}

fn payment_events(contract: &Contract, payments: &[(i32, i64)]) -> Vec<Event> {
    let event_of = |(index, (days, share)): (usize, &(i32, i64))| {
        let amount = Amount::new((contract.principal.minor() * share / 1000).max(1));
        let day = day_of(contract, *days).to_string();
        event(&day, EventKind::Payment { id: format!("p{index}"), amount })
    };
    payments.iter().enumerate().map(event_of).collect()
}

fn share() -> impl Strategy<Value = Ratio> {
    (0_i64..=100).prop_map(|percent| Ratio::from(Decimal::new(percent, 2)))
}

fn rescheduling() -> impl Strategy<Value = Measure> {
    let interest = prop_oneof![
        Just(DeferralInterest::None),
        Just(DeferralInterest::Paid),
        Just(DeferralInterest::Spread),
        Just(DeferralInterest::AtEnd),
    ];
    let over = prop_oneof![(1_u16..8).prop_map(ShortfallOver::Rows), Just(ShortfallOver::ToEnd)];
    let charged = prop_oneof![Just(ReductionInterest::None), Just(ReductionInterest::Contract)];
    let pay = prop_oneof![
        share().prop_map(ReducedPayment::Factor),
        (0_i64..1_000_000).prop_map(|minor| ReducedPayment::Amount(Amount::new(minor))),
    ];
    let by = prop_oneof![
        (1_u16..24).prop_map(Extension::Instalments),
        (1_i64..500_000).prop_map(|minor| Extension::TargetPayment(Amount::new(minor))),
    ];
    prop_oneof![
        (1_u8..7, interest).prop_map(|(months, interest)| Measure::Deferral { months, interest }),
        (pay, 1_u16..6, over, charged).prop_map(|(pay, instalments, shortfall_over, interest)| {
            Measure::PaymentReduction { pay, instalments, shortfall_over, interest }
        }),
        by.prop_map(|by| Measure::TermExtension { by }),
        ((0_i64..1200), proptest::option::of(0_i8..28)).prop_map(|(rate, until)| Measure::RateReduction {
            rate: Rate::from(Decimal::new(rate, 4)),
            until: until.map(|day| date(&format!("2028-06-{:02}", day + 1))),
        }),
        (share(), 1_u8..4).prop_map(|(principal_share, parts)| Measure::Settlement {
            principal_share,
            pay_by: date("2028-05-31"),
            parts,
        }),
        ((0_i64..100_000), 1_u8..6)
            .prop_map(|(minor, months)| Measure::TokenPayments { amount: Amount::new(minor), months }),
    ]
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let scope =
        prop_oneof![Just(InterestScope::Overdue), Just(InterestScope::Future), Just(InterestScope::All)];
    let re_age = prop_oneof![
        (1_u16..8).prop_map(ReAgeOver::NextRows),
        Just(ReAgeOver::Remaining),
        Just(ReAgeOver::End),
    ];
    (
        proptest::option::of(share().prop_map(|share| Measure::WaivePenalty { share })),
        proptest::option::of(
            (scope, share()).prop_map(|(scope, share)| Measure::WaiveInterest { scope, share }),
        ),
        proptest::option::of(re_age.prop_map(|over| Measure::ReAge { over })),
        proptest::option::of(rescheduling()),
    )
        .prop_map(|(penalty, interest, re_age, rescheduling)| Terms {
            measures: [penalty, interest, re_age, rescheduling].into_iter().flatten().collect(),
            first_payment: None,
        })
}

/// What stands, apart from which payment covered what and from schedule versions.
fn standing(state: &State) -> State {
    let mut state = state.clone();
    state.versions.clear();
    for row in &mut state.rows {
        row.payments.clear();
    }
    state
}

fn with_events(contract: &Contract, events: &[Event]) -> Account {
    record(&account(contract.clone()), events.iter().cloned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn contract_rows_conserve_principal_and_are_never_negative(contract in any_contract()) {
        let rows = schedule::build(&contract).unwrap();
        prop_assert_eq!(rows.len(), usize::from(contract.instalments));
        let principal = Amount::try_sum(rows.iter().map(|row| row.principal)).unwrap();
        prop_assert_eq!(principal, contract.principal);
        prop_assert!(rows.iter().all(|row| !row.principal.is_negative() && !row.interest.is_negative()));
        prop_assert!(rows.windows(2).all(|pair| pair[0].due < pair[1].due));
        prop_assert!(rows.last().is_some_and(|row| row.balance_after.is_zero()));
    }

    #[test]
    fn a_longer_term_never_raises_the_level_instalment(contract in any_contract(), extra in 1_u16..24) {
        // A single instalment has no level to raise.
        prop_assume!(contract.instalments > 1);
        let contract = Contract { amortisation: Amortisation::EqualInstalments, ..contract };
        let longer = Contract { instalments: contract.instalments + extra, ..contract.clone() };
        let first = |contract: &Contract| schedule::build(contract).unwrap()[0].total().unwrap();
        prop_assert!(first(&longer) <= first(&contract));
    }

    #[test]
    fn payments_give_the_same_state_in_any_order_of_entry(
        contract in any_contract(),
        payments in any_payments(),
        seed in any::<prop::sample::Index>(),
    ) {
        let events = payment_events(&contract, &payments);
        let mut other = events.clone();
        if !other.is_empty() {
            let by = seed.index(other.len());
            other.rotate_left(by);
            other.reverse();
        }
        let on = day_of(&contract, 520);
        let first = with_events(&contract, &events).state(on).unwrap();
        let second = with_events(&contract, &other).state(on).unwrap();
        prop_assert_eq!(standing(&first), standing(&second));
        let received: i64 = events.iter().map(|event| match &event.kind {
            EventKind::Payment { amount, .. } => amount.minor(),
            _ => 0,
        }).sum();
        prop_assert_eq!(first.paid.total().unwrap().add(first.unallocated).unwrap(), Amount::new(received));
    }

    #[test]
    fn splitting_a_payment_on_its_day_changes_nothing(
        contract in any_contract(),
        payments in any_payments(),
        last in loan::Overpayment::ReduceNext as u8..=loan::Overpayment::ReduceLast as u8,
        cut in 1_i64..1000,
    ) {
        let mut whole = account(contract.clone());
        whole.product.overpayment = match last {
            0 => loan::Overpayment::ReduceNext,
            _ => loan::Overpayment::ReduceLast,
        };
        let mut split = whole.clone();
        for event in payment_events(&contract, &payments) {
            let EventKind::Payment { id, amount } = &event.kind else { continue };
            let part = Amount::new(amount.minor() * cut / 1000);
            let parts = [("a", part), ("b", amount.sub(part).unwrap())];
            for (name, amount) in parts.into_iter().filter(|(_, amount)| amount.minor() > 0) {
                let kind = EventKind::Payment { id: format!("{id}{name}"), amount };
                split = split.record(Event { kind, ..event.clone() }).unwrap();
            }
            whole = whole.record(event.clone()).unwrap();
        }
        let on = day_of(&contract, 520);
        prop_assert_eq!(standing(&whole.state(on).unwrap()), standing(&split.state(on).unwrap()));
    }

    #[test]
    fn reversing_a_payment_leaves_nothing_of_it(contract in any_contract(), payments in any_payments()) {
        let events = payment_events(&contract, &payments);
        let plain = with_events(&contract, &events);
        let bounced = event(&day_of(&contract, 40).to_string(), EventKind::Payment {
            id: "bounced".to_owned(),
            amount: contract.principal,
        });
        let reversal = event(&day_of(&contract, 45).to_string(), EventKind::PaymentReversed {
            payment_id: "bounced".to_owned(),
        });
        let reversed = record(&plain, [bounced, reversal]);
        let on = day_of(&contract, 520);
        prop_assert_eq!(plain.state(on).unwrap(), reversed.state(on).unwrap());
    }

    #[test]
    fn terms_conserve_what_is_owed_and_can_be_paid_off(
        contract in any_contract(),
        payments in any_payments(),
        terms in any_terms(),
        days in 20_i32..400,
    ) {
        let on = day_of(&contract, days);
        let events: Vec<Event> =
            payment_events(&contract, &payments).into_iter().filter(|event| event.effective <= on).collect();
        let loan = with_events(&contract, &events);
        let before = loan.state(on).unwrap();
        let applied = match terms_on::apply(&before, &contract, &terms, on) {
            Ok(applied) => applied,
            Err(error) => {
                let expected = ["TERMS_INVALID", "NOT_ENOUGH_INSTALMENTS", "TARGET_TOO_LOW", "NOTHING_OPEN"];
                prop_assert!(expected.contains(&error.code()), "{error}");
                return Ok(());
            }
        };
        let sum = |amounts: &[Amount]| Amount::try_sum(amounts.iter().copied()).unwrap();
        let given_up = applied.waived.total().unwrap();
        prop_assert_eq!(
            sum(&[given_up, applied.unearned_interest, applied.total_to_pay]),
            sum(&[before.owed.total().unwrap(), applied.relief_interest])
        );
        for row in &applied.rows {
            for amount in [row.principal, row.interest, row.fee, row.relief_interest, row.balance_after] {
                prop_assert!(!amount.is_negative(), "row {}", row.nr);
            }
        }
        let mut plan = loan.record(relief(&on.to_string(), "plan", &terms)).unwrap();
        prop_assert_eq!(plan.state(on).unwrap().owed.total().unwrap(), applied.total_to_pay);
        let mut paid = applied.flows.clone();
        let penalty = plan.state(on).unwrap().owed.penalty;
        if !penalty.is_zero() {
            paid.push(loan::value::Flow { date: on, amount: penalty });
        }
        prop_assume!(applied.flows.iter().all(|flow| flow.date >= on));
        paid.sort_by_key(|flow| flow.date);
        for (index, flow) in paid.iter().enumerate() {
            let kind = EventKind::Payment { id: format!("plan-{index}"), amount: flow.amount };
            // Straight into the body: recording would replay hundreds of payments once each.
            plan.events.push(event(&flow.date.to_string(), kind));
        }
        let end = plan.state(applied.end.max(on)).unwrap();
        prop_assert!(end.closed, "{:?}", end.owed);
        prop_assert!(end.unallocated.sub(before.unallocated).unwrap().is_zero());
    }

    #[test]
    fn undoing_relief_is_identity(
        contract in any_contract(),
        payments in any_payments(),
        terms in any_terms(),
        days in 20_i32..300,
        until in 0_i32..200,
    ) {
        let on = day_of(&contract, days);
        let events: Vec<Event> =
            payment_events(&contract, &payments).into_iter().filter(|event| event.effective <= on).collect();
        let loan = with_events(&contract, &events);
        let Ok(with) = loan.record(relief(&on.to_string(), "plan", &terms)) else { return Ok(()) };
        let end = day_of(&contract, days + until);
        prop_assume!(!with.state(end).unwrap().closed);
        let without = with.record(undone(&end.to_string(), "plan", None)).unwrap();
        let later = day_of(&contract, days + until + 10);
        prop_assert_eq!(standing(&loan.state(later).unwrap()), standing(&without.state(later).unwrap()));
        // The day before the undo still stands as it stood.
        let then = end.yesterday().unwrap();
        prop_assert_eq!(with.state(then).unwrap(), without.state(then).unwrap());
    }

    #[test]
    fn waiving_more_never_costs_the_borrower_more(
        contract in any_contract(),
        terms in any_terms(),
        more in share(),
        days in 40_i32..400,
    ) {
        let on = day_of(&contract, days);
        let state = account(contract.clone()).state(on).unwrap();
        let mut generous = terms.clone();
        for measure in &mut generous.measures {
            if let Measure::WaivePenalty { share } | Measure::WaiveInterest { share, .. } = measure {
                *share = (*share).max(more);
            }
        }
        let apply = |terms: &Terms| terms_on::apply(&state, &contract, terms, on);
        if let (Ok(less), Ok(more)) = (apply(&terms), apply(&generous)) {
            let putting_off = terms.measures.iter().any(|measure| {
                matches!(measure, Measure::PaymentReduction { interest: ReductionInterest::Contract, .. })
            });
            // Interest on put-off principal follows the reduced payment, which waiving changes.
            if !putting_off {
                prop_assert!(more.total_to_pay <= less.total_to_pay);
            }
        }
    }

    #[test]
    fn accounts_states_and_terms_survive_json(
        contract in any_contract(),
        payments in any_payments(),
        terms in any_terms(),
    ) {
        let on = day_of(&contract, 100);
        let events: Vec<Event> =
            payment_events(&contract, &payments).into_iter().filter(|event| event.effective <= on).collect();
        let loan = with_events(&contract, &events);
        let loan = loan.record(relief(&on.to_string(), "plan", &terms)).unwrap_or(loan);
        let text = serde_json::to_string(&loan).unwrap();
        let again: Account = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&again, &loan);
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
        let state = loan.state(on).unwrap();
        let again: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        prop_assert_eq!(again, state);
        let mut reordered = terms.clone();
        reordered.measures.reverse();
        prop_assert_eq!(reordered.canonical_key(), terms.canonical_key());
    }
}
