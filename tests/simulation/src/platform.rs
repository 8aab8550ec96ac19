//! The core system: it registers loans and records payments.

use std::time::Duration;

use api::leeway::application::v1 as pb;
use chassis::Principal;
use e2e::make::cny;
use e2e::people::Loan;

use crate::acts::Ask;
use crate::caller::Caller;

/// Longest pause between payments.
const MAX_PAUSE: Duration = Duration::from_millis(1_500);

/// Registers a loan; nothing else can be done with it before.
pub async fn register(caller: &mut Caller, loan: &Loan) -> bool {
    let core = Principal::service("core");
    let request =
        pb::RegisterLoanRequest { request_id: caller.request_id(), loan: Some(loan.registration()) };
    caller.ask(&core, Ask::Register(request)).await.is_some()
}

/// Records payments on these loans for as long as the play goes on.
pub async fn payments(mut caller: Caller, loans: Vec<Loan>) {
    let core = Principal::service("core");
    let mut count = 0;
    while caller.playing() {
        caller.idle(MAX_PAUSE).await;
        let Some(loan) = caller.dice.pick(&loans).cloned() else { return };
        count += 1;
        let amount = i64::try_from(caller.dice.below(20_000)).unwrap_or(0) + 1;
        let request = pb::RecordPaymentRequest {
            request_id: caller.request_id(),
            loan_id: loan.loan_id.clone(),
            payment_id: format!("{}-{count}", caller.name),
            amount: Some(cny(amount)),
            effective_date: None,
        };
        caller.ask(&core, Ask::Pay(request)).await;
    }
}
