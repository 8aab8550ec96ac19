//! Offers, their witness, texts for the borrower and decline reasons.

use api::leeway::common::v1;
use assessment::{DeclineReason, LocalizedText, Offer, Witness};
use chassis::Violations;
use loan::{Amount, Currency};

use crate::account::MAX_STATED_ROWS;
use crate::codes::{
    authority_in, authority_out, credit_reporting_in, credit_reporting_out, decline_code_in,
    decline_code_out, offer_label_in, offer_label_out,
};
use crate::money::{money_in, money_out, money_signed_in, parts_in, parts_out};
use crate::primitives::{
    at, date_in, date_optional_in, date_out, id_in, list_in, missing, reason, refuse, text_in,
};
use crate::rows::{instalment_in, instalment_out};
use crate::terms::{terms_in, terms_out};

/// Longest text for a borrower, characters.
const MAX_TEXT_CHARS: usize = 4_000;
/// Longest figure that is carried as text, characters.
const MAX_FIGURE_CHARS: usize = 40;
/// Most rows of an offer: those of the longest loan, extended.
const MAX_OFFER_ROWS: usize = 2 * MAX_STATED_ROWS;

/// An offer. When it expires is the application's to know: read it from the message.
pub fn offer_in(v: &mut Violations, field: &str, offer: &v1::Offer, currency: Currency) -> Option<Offer> {
    let offer_id = id_in(v, &at(field, "offer_id"), &offer.offer_id);
    let most_labels = assessment::OfferLabel::ALL.len();
    let labels = list_in(v, &at(field, "labels"), &offer.labels, most_labels, |v, field, number| {
        offer_label_in(v, field, *number)
    });
    let terms = terms_in(v, &at(field, "terms"), offer.terms.as_ref(), currency);
    let rows = &offer.instalments;
    let instalments = list_in(v, &at(field, "instalments"), rows, MAX_OFFER_ROWS, |v, field, row| {
        instalment_in(v, field, row, currency)
    });
    let first_date = date_optional_in(v, &at(field, "first_payment_date"), offer.first_payment_date.as_ref());
    let end_date = date_in(v, &at(field, "end_date"), offer.end_date.as_ref());
    let reporting = credit_reporting_in(v, &at(field, "credit_reporting"), offer.credit_reporting);
    let authority = authority_in(v, &at(field, "required_authority"), offer.required_authority);
    let waived = parts_in(v, &at(field, "waived"), offer.waived.as_ref(), currency);
    let witness = witness_in(v, &at(field, "witness"), offer.witness.as_ref(), currency);
    let breaks_if = localized_text_in(v, &at(field, "breaks_if"), offer.breaks_if.as_ref());
    let sums = sums_in(v, field, offer, currency);
    let figures = figures_in(v, field, offer);
    let (sums, figures) = (sums?, figures?);
    Some(Offer {
        offer_id: offer_id?,
        labels: labels?,
        terms: terms?,
        instalments: instalments?,
        first_payment_date: first_date?,
        first_payment: sums.first_payment,
        highest_payment: sums.highest_payment,
        total_to_pay: sums.total_to_pay,
        difference_to_contract: sums.difference_to_contract,
        waived: waived?,
        relief_interest: sums.relief_interest,
        end_date: end_date?,
        credit_reporting: reporting?,
        annual_cost: figures.annual_cost,
        required_authority: authority?,
        witness: witness?,
        present_value_loss: sums.present_value_loss,
        present_value_loss_share: figures.present_value_loss_share,
        burden: figures.burden,
        breaks_if: breaks_if?,
    })
}

struct Sums {
    first_payment: Amount,
    highest_payment: Amount,
    total_to_pay: Amount,
    difference_to_contract: Amount,
    relief_interest: Amount,
    present_value_loss: Amount,
}

fn sums_in(v: &mut Violations, field: &str, offer: &v1::Offer, currency: Currency) -> Option<Sums> {
    let first_payment = money_in(v, &at(field, "first_payment"), offer.first_payment.as_ref(), currency);
    let highest_payment =
        money_in(v, &at(field, "highest_payment"), offer.highest_payment.as_ref(), currency);
    let total_to_pay = money_in(v, &at(field, "total_to_pay"), offer.total_to_pay.as_ref(), currency);
    let mut signed = |name: &str, money: &Option<v1::Money>| {
        money_signed_in(v, &at(field, name), money.as_ref(), currency)
    };
    let difference_to_contract = signed("difference_to_contract", &offer.difference_to_contract);
    let relief_interest = signed("relief_interest", &offer.relief_interest);
    let present_value_loss = signed("present_value_loss", &offer.present_value_loss);
    Some(Sums {
        first_payment: first_payment?,
        highest_payment: highest_payment?,
        total_to_pay: total_to_pay?,
        difference_to_contract: difference_to_contract?,
        relief_interest: relief_interest?,
        present_value_loss: present_value_loss?,
    })
}

struct Figures {
    annual_cost: String,
    present_value_loss_share: String,
    burden: String,
}

/// Figures are the engine's texts: only their length and characters are looked at.
fn figures_in(v: &mut Violations, field: &str, offer: &v1::Offer) -> Option<Figures> {
    let mut figure = |name: &str, text: &str| {
        let field = at(field, name);
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        if plain {
            text_in(v, &field, text, MAX_FIGURE_CHARS)
        } else {
            refuse(v, &field, reason::MALFORMED, "a plain decimal such as 0.144")
        }
    };
    let annual_cost = figure("annual_cost", &offer.annual_cost);
    let present_value_loss_share = figure("present_value_loss_share", &offer.present_value_loss_share);
    let burden = figure("burden", &offer.burden);
    Some(Figures {
        annual_cost: annual_cost?,
        present_value_loss_share: present_value_loss_share?,
        burden: burden?,
    })
}

/// Writes an offer; its expiry is left for the application to set.
pub fn offer_out(offer: &Offer, currency: Currency) -> v1::Offer {
    let money = |amount| Some(money_out(amount, currency));
    v1::Offer {
        offer_id: offer.offer_id.clone(),
        labels: offer.labels.iter().map(|label| offer_label_out(*label).into()).collect(),
        terms: Some(terms_out(&offer.terms, currency)),
        instalments: offer.instalments.iter().map(|row| instalment_out(row, currency)).collect(),
        first_payment_date: offer.first_payment_date.map(date_out),
        first_payment: money(offer.first_payment),
        highest_payment: money(offer.highest_payment),
        total_to_pay: money(offer.total_to_pay),
        difference_to_contract: money(offer.difference_to_contract),
        waived: Some(parts_out(&offer.waived, currency)),
        relief_interest: money(offer.relief_interest),
        end_date: Some(date_out(offer.end_date)),
        credit_reporting: credit_reporting_out(offer.credit_reporting).into(),
        annual_cost: offer.annual_cost.clone(),
        required_authority: authority_out(offer.required_authority).into(),
        witness: Some(witness_out(&offer.witness, currency)),
        present_value_loss: money(offer.present_value_loss),
        present_value_loss_share: offer.present_value_loss_share.clone(),
        burden: offer.burden.clone(),
        breaks_if: Some(localized_text_out(&offer.breaks_if)),
        expire_time: None,
    }
}

/// Both sides' values.
pub fn witness_in(
    v: &mut Violations,
    field: &str,
    witness: Option<&v1::Witness>,
    currency: Currency,
) -> Option<Witness> {
    let Some(message) = witness else { return missing(v, field) };
    let mut money = |name: &str, money: &Option<v1::Money>| {
        money_signed_in(v, &at(field, name), money.as_ref(), currency)
    };
    let lender_none = money("lender_none", &message.lender_none);
    let lender_offer = money("lender_offer", &message.lender_offer);
    let borrower_none = money("borrower_none", &message.borrower_none);
    let borrower_offer = money("borrower_offer", &message.borrower_offer);
    let lender_gain = money("lender_gain", &message.lender_gain);
    let borrower_gain = money("borrower_gain", &message.borrower_gain);
    Some(Witness {
        lender_none: lender_none?,
        lender_offer: lender_offer?,
        borrower_none: borrower_none?,
        borrower_offer: borrower_offer?,
        lender_gain: lender_gain?,
        borrower_gain: borrower_gain?,
    })
}

/// Writes both sides' values.
pub fn witness_out(witness: &Witness, currency: Currency) -> v1::Witness {
    let money = |amount| Some(money_out(amount, currency));
    v1::Witness {
        lender_none: money(witness.lender_none),
        lender_offer: money(witness.lender_offer),
        borrower_none: money(witness.borrower_none),
        borrower_offer: money(witness.borrower_offer),
        lender_gain: money(witness.lender_gain),
        borrower_gain: money(witness.borrower_gain),
    }
}

/// A text in both languages; not set means empty.
pub fn localized_text_in(
    v: &mut Violations,
    field: &str,
    text: Option<&v1::LocalizedText>,
) -> Option<LocalizedText> {
    let Some(text) = text else { return Some(LocalizedText::default()) };
    let zh_cn = text_in(v, &at(field, "zh_cn"), &text.zh_cn, MAX_TEXT_CHARS);
    let en = text_in(v, &at(field, "en"), &text.en, MAX_TEXT_CHARS);
    Some(LocalizedText { zh_cn: zh_cn?, en: en? })
}

/// Writes a text in both languages.
pub fn localized_text_out(text: &LocalizedText) -> v1::LocalizedText {
    v1::LocalizedText { zh_cn: text.zh_cn.clone(), en: text.en.clone() }
}

/// A decline code with its sentences.
pub fn decline_reason_in(
    v: &mut Violations,
    field: &str,
    reason: &v1::DeclineReason,
) -> Option<DeclineReason> {
    let code = decline_code_in(v, &at(field, "code"), reason.code);
    let why = localized_text_in(v, &at(field, "reason"), reason.reason.as_ref());
    let remedy = localized_text_in(v, &at(field, "remedy"), reason.remedy.as_ref());
    Some(DeclineReason { code: code?, reason: why?, remedy: remedy? })
}

/// Writes a decline code with its sentences.
pub fn decline_reason_out(reason: &DeclineReason) -> v1::DeclineReason {
    v1::DeclineReason {
        code: decline_code_out(reason.code).into(),
        reason: Some(localized_text_out(&reason.reason)),
        remedy: Some(localized_text_out(&reason.remedy)),
    }
}
