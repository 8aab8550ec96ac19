//! How a case is run: numbers that the pack states.

use loan::Ratio;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The process section of a pack. The default holds the house figures of the shipped packs, so that a service
/// that has never reached policy still keeps its promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Hours in which the platform owes an answer.
    pub answer_deadline_hours: u32,
    /// Days a borrower has to send a document.
    pub information_request_days: u32,
    /// Days an offer stands.
    pub offer_valid_days: u32,
    /// Days after a refusal before any measure.
    pub hold_after_refusal_days: u32,
    /// Days after a refusal in which another look can be asked for.
    pub review_window_days: u32,
    /// Days of grace after a missed plan payment.
    pub plan_grace_days: u32,
    /// Days to repair a missed plan payment after its notice.
    pub plan_repair_days: u32,
    /// Share of a payment that counts as paid.
    pub paid_share: Ratio,
    /// Days past due up to which an accepted plan is reported as current.
    pub reporting_threshold_days: u32,
    /// IANA zone of the pack's dates and of its sentences.
    pub time_zone: String,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            answer_deadline_hours: 24,
            information_request_days: 7,
            offer_valid_days: 7,
            hold_after_refusal_days: 7,
            review_window_days: 14,
            plan_grace_days: 3,
            plan_repair_days: 7,
            paid_share: Ratio::from(Decimal::new(95, 2)),
            reporting_threshold_days: 30,
            time_zone: "Asia/Shanghai".to_owned(),
        }
    }
}
