//! The three stories of the domain, to the last fen.

use crate::common::*;
use loan::{
    Amount, Bucket, DeferralInterest, InterestScope, Measure, ReducedPayment, ReductionInterest,
    ShortfallOver, Terms, VersionCause,
};

#[test]
fn li_defers_three_months_without_interest() {
    let loan = pay_on_time(&account(contract("12,000.00", 12, "0.144", "2026-01-15")), 5);
    let rows = loan.origin.rows().unwrap();
    assert_eq!(rows[0].total().unwrap(), money("1,079.70"));
    assert_eq!(rows[11].total().unwrap(), money("1,079.76"));

    let missed = state(&loan, "2026-07-20");
    assert_eq!(missed.principal_left, money("7,207.86"));
    assert_eq!((missed.dpd.current, missed.dpd.contract, missed.bucket), (5, 5, Bucket::M1));
    // 993.21 overdue for 5 days at min(14.4 % × 1.5, 24 %) = 21.6 %, actual/360.
    assert_eq!(missed.arrears.penalty, money("2.98"));

    let deferral = Measure::Deferral { months: 3, interest: DeferralInterest::None };
    let terms = terms(vec![waive_penalty(), deferral], None);
    let preview = loan.preview(&terms, date("2026-07-20")).unwrap();
    assert_eq!(preview.value_date, date("2026-07-15"));
    assert_eq!(preview.pv_loss, money("256.42"));
    assert_eq!(preview.pv_loss_share.decimal().round_dp(4).to_string(), "0.0356");
    assert_eq!(preview.after.relief_interest, Amount::ZERO);
    assert_eq!(preview.after.waived.total().unwrap(), money("2.98"));
    assert_eq!(preview.difference, money("-2.98"));
    assert_eq!(preview.after.first_payment, Some((date("2026-10-15"), money("1,079.70"))));
    assert_eq!(preview.after.highest_payment, money("1,079.76"));

    let kept = record(&loan, [relief("2026-07-20", "plan-li", &terms)]);
    let today = state(&kept, "2026-07-20");
    let expected: Vec<(u32, String, Amount)> = rows
        .iter()
        .skip(5)
        .zip(["2026-10", "2026-11", "2026-12", "2027-01", "2027-02", "2027-03", "2027-04"])
        .map(|(row, month)| (row.nr, format!("{month}-15"), row.total().unwrap()))
        .collect();
    assert_eq!(totals(&today, 6), expected);
    assert_eq!((today.dpd.current, today.dpd.contract, today.bucket), (0, 5, Bucket::M0));
    assert!(today.arrears.is_zero());
    assert_eq!(today.versions.len(), 2);
    assert_eq!(today.versions[0].rows, rows);

    // Paid as planned, the loan closes without a fen more than the contract.
    let mut paid = kept;
    for (nr, due, total) in expected {
        paid = record(&paid, [payment(&due, &format!("plan-{nr}"), &total.plain(cny()))]);
    }
    let closed = state(&paid, "2027-04-15");
    assert!(closed.closed && closed.unallocated.is_zero());
}

fn zhang() -> (loan::Account, Terms) {
    let loan = pay_on_time(&account(contract("24,000.00", 24, "0.18", "2025-10-15")), 8);
    let reduction = Measure::PaymentReduction {
        pay: ReducedPayment::Factor(ratio("0.5")),
        instalments: 3,
        shortfall_over: ShortfallOver::Rows(6),
        interest: ReductionInterest::None,
    };
    (loan, terms(vec![waive_penalty(), reduction], Some("2026-07-31")))
}

#[test]
fn zhang_pays_half_for_three_months() {
    let (loan, terms) = zhang();
    let rows = loan.origin.rows().unwrap();
    assert_eq!(rows[0].total().unwrap(), money("1,198.18"));
    assert_eq!(rows[23].total().unwrap(), money("1,198.15"));

    let kept = record(&loan, [relief("2026-07-20", "plan-zhang", &terms)]);
    let today = state(&kept, "2026-07-20");
    let unpaid = totals(&today, 9);
    let expected = [
        (9, "2026-07-31", "599.09"),
        (10, "2026-08-15", "599.09"),
        (11, "2026-09-15", "599.09"),
        (12, "2026-10-15", "1,497.72"),
        (13, "2026-11-15", "1,497.72"),
        (14, "2026-12-15", "1,497.72"),
        (15, "2027-01-15", "1,497.72"),
        (16, "2027-02-15", "1,497.72"),
        (17, "2027-03-15", "1,497.75"),
        (18, "2027-04-15", "1,198.18"),
    ];
    for ((nr, due, total), found) in expected.into_iter().zip(&unpaid) {
        assert_eq!(found, &(nr, due.to_owned(), money(total)));
    }
    let remaining = Amount::try_sum(unpaid.iter().map(|(_, _, total)| *total)).unwrap();
    assert_eq!(remaining, money("19,170.85"));
    assert_eq!(today.owed.total().unwrap(), remaining);
    assert_eq!(today.dpd.current, 0);
    // Interest rows stay as scheduled.
    for (before, after) in rows.iter().zip(&today.rows) {
        assert_eq!(before.interest, after.row.interest);
        assert_eq!(after.row.relief_interest, Amount::ZERO);
    }
}

fn wang() -> (loan::Account, Terms) {
    let loan = pay_on_time(&account(contract("6,000.00", 12, "0.12", "2026-01-15")), 3);
    let terms = terms(
        vec![
            waive_penalty(),
            Measure::WaiveInterest { scope: InterestScope::All, waiver: loan::Waiver::ALL },
            Measure::ForgivePrincipal { share: ratio("0.05") },
            Measure::Settlement {
                sum: loan::SettlementSum::PrincipalShare(ratio("0.95")),
                pay_by: date("2026-07-20"),
                parts: 1,
            },
        ],
        None,
    );
    (loan, terms)
}

#[test]
fn wang_settles_in_time_and_is_done() {
    let (loan, terms) = wang();
    let rows = loan.origin.rows().unwrap();
    assert_eq!(rows[0].total().unwrap(), money("533.09"));
    assert_eq!(rows[11].total().unwrap(), money("533.12"));
    let missed = state(&loan, "2026-06-20");
    assert_eq!((missed.bucket, missed.dpd.current), (Bucket::M2, 36));
    assert_eq!(missed.principal_left, money("4,566.49"));

    let preview = loan.preview(&terms, date("2026-06-20")).unwrap();
    assert_eq!(preview.after.total_to_pay, money("4,338.17"));
    assert_eq!(preview.after.forgiven_principal, money("228.32"));
    assert_eq!(preview.after.end, date("2026-07-20"));
    assert_eq!(preview.after.waived.interest, missed.owed.interest);
    assert_eq!(preview.after.waived_due_interest, missed.arrears.interest);

    let offered = record(&loan, [relief("2026-06-20", "plan-wang", &terms)]);
    assert_eq!(state(&offered, "2026-06-20").dpd.current, 0);
    let paid = record(&offered, [payment("2026-07-20", "settlement", "4,338.17")]);
    let later = state(&paid, "2027-06-01");
    assert!(later.closed);
    assert_eq!(later.forgiven_principal, money("228.32"));
    assert_eq!(later.unallocated, Amount::ZERO);
}

#[test]
fn wang_does_not_pay_and_owes_what_he_owed() {
    let (loan, terms) = wang();
    let offered = record(&loan, [relief("2026-06-20", "plan-wang", &terms)]);
    assert_eq!(state(&offered, "2026-07-20").owed.total().unwrap(), money("4,338.17"));
    let without = state(&loan, "2026-07-21");
    let lapsed = state(&offered, "2026-07-21");
    assert_eq!(lapsed.rows, without.rows);
    assert_eq!(lapsed.dpd, without.dpd);
    assert_eq!(lapsed.owed, without.owed);
    assert!(lapsed.forgiven_principal.is_zero());
    let causes: Vec<&VersionCause> = lapsed.versions.iter().map(|version| &version.cause).collect();
    let plan = || "plan-wang".to_owned();
    assert_eq!(causes, [&VersionCause::Contract, &VersionCause::Relief(plan()), &VersionCause::Undo(plan())]);

    // Half of it in time doesn't settle: the payment counts, half of the waived penalty stays waived.
    let half = record(&offered, [payment("2026-07-10", "half", "2,169.08")]);
    let lapsed = state(&half, "2026-07-21");
    let waived = state(&offered, "2026-06-20").waived.penalty;
    assert_eq!(lapsed.waived.penalty.minor(), waived.minor() / 2);
    assert_eq!(lapsed.waived.principal, Amount::ZERO);
    assert!(lapsed.principal_left < without.principal_left);
    assert_eq!(lapsed.paid.total().unwrap().sub(without.paid.total().unwrap()).unwrap(), money("2,169.08"));
}

#[test]
fn a_broken_plan_costs_no_penalty_for_the_days_it_was_kept() {
    let (loan, terms) = zhang();
    let kept =
        record(&loan, [relief("2026-07-20", "plan", &terms), payment("2026-07-31", "first", "599.09")]);
    let broken = record(&kept, [undone("2026-09-01", "plan", Some("2026-08-15"))]);
    // Without the plan but with the same money: what a day of kept plan would have cost is not charged.
    let plain = record(&loan, [payment("2026-07-31", "first", "599.09")]);
    let (broken, plain) = (state(&broken, "2026-09-01"), state(&plain, "2026-09-01"));
    assert_eq!(broken.dpd, plain.dpd);
    assert!(broken.owed.penalty < plain.owed.penalty);
    assert!(!broken.waived.penalty.is_zero());
    // Row 9 is charged 07-15 to 07-20 in full and 08-15 to 09-01 on what the payment left of its principal.
    let rate = ratio("0.24");
    let principal = loan.origin.rows().unwrap()[8].principal;
    let accrued = Amount::new(principal.minor() * 5).mul_ratio(rate).unwrap().minor();
    let waived = ((accrued as f64) / 360.0).round();
    let stays = (waived * 599.09 / 19_170.85).round();
    assert_eq!(broken.waived.penalty, Amount::new(stays as i64));
    let left = broken.rows[8].row.principal.sub(broken.rows[8].paid.principal).unwrap();
    let days = (principal.minor() * 5 + left.minor() * 17) as f64;
    assert_eq!(broken.rows[8].penalty, Amount::new((days * 0.24 / 360.0).round() as i64));
    assert_eq!(broken.rows[8].paid.penalty, Amount::new((waived - stays) as i64));
}
