//! Where the messages of `leeway.common.v1` (and `Facts` and `Decision` of policy) meet the types of `loan` and
//! `assessment`.
//!
//! `*_in` reads a message, adds everything that is wrong with it to a [`Violations`] collector under its field path and
//! answers `None` if, and only if, it added something. `*_out` writes a message. An enum's zero is refused on input unless its
//! proto comment gives it a meaning, and never written.

mod account;
mod calendars;
mod changes;
mod codes;
mod conventions;
mod decision;
mod error;
mod events;
mod facts;
mod loan_codes;
mod measures;
mod money;
mod offer;
mod primitives;
mod rows;
mod terms;

#[cfg(test)]
mod tests;

pub use chassis::Violations;

pub use self::account::{
    LoanMessages, MAX_STATED_ROWS, account_in, contract_field, contract_in, contract_out, loan_currency,
    origin_in, origin_out, product_in, product_out, stated_row_in, stated_row_out,
};
pub use self::calendars::{
    calendar_section_in, calendar_section_out, check_covered, fill_calendar, leaves_calendar,
};
pub use self::codes::*;
pub use self::conventions::{calendar_in, calendar_out};
pub use self::decision::{StoredDecision, decision_in, decision_out};
pub use self::error::WireError;
pub use self::events::{MAX_EVENTS, event_in, event_out, events_in, id_field, kind_field};
pub use self::facts::{
    MAX_STATEMENT_TEXT_CHARS, case_flags_in, case_flags_out, evidence_fact_in, evidence_fact_out,
    evidence_facts_in, facts_in, facts_out, loan_facts_in, loan_facts_out, prior_relief_in, prior_relief_out,
    statement_in, statement_out,
};
pub use self::loan_codes::*;
pub use self::money::{
    ANY_CURRENCY, MAX_MONEY_MINOR, currency_in, money_in, money_or_zero_in, money_out, money_positive_in,
    money_signed_in, parts_in, parts_out,
};
pub use self::offer::{
    decline_reason_in, decline_reason_out, localized_text_in, localized_text_out, offer_in, offer_out,
    witness_in, witness_out,
};
pub use self::primitives::{
    MAX_ID_BYTES, MAX_YEAR, MIN_YEAR, at, count_in, date_in, date_optional_in, date_out, decimal_in, id_in,
    item, number_out, rate_in, rate_out, ratio_in, ratio_out, reason, request_id_in, text_in, timestamp_in,
    timestamp_out,
};
pub use self::rows::{instalment_in, instalment_out, row_out, row_state_out};
pub use self::terms::{proposal_in, proposal_out, terms_in, terms_out};
