//! Terms in force or offered, which are complete, and proposals, which may leave parts out.

use std::mem::discriminant;

use api::leeway::common::v1;
use assessment::{Proposal, ProposedMeasure};
use chassis::Violations;
use loan::{Currency, Date, Measure, Terms};

use crate::measures::{as_proposed, complete, proposed_measure_in, proposed_measure_out};
use crate::primitives::{at, date_optional_in, date_out, item, missing, reason, refuse};

/// Kinds of measure there are, each at most once in any terms.
const MAX_MEASURES: usize = 10;

/// Complete terms with at least one measure. Whether they fit together and the loan is for `loan` to say.
pub fn terms_in(
    v: &mut Violations,
    field: &str,
    terms: Option<&v1::Terms>,
    currency: Currency,
) -> Option<Terms> {
    let Some(terms) = terms else { return missing(v, field) };
    let read = read(v, field, terms, currency);
    let list = at(field, "measures");
    let measures: Vec<Option<Measure>> = read
        .measures
        .into_iter()
        .enumerate()
        .map(|(index, measure)| complete(v, &item(&list, index), measure?))
        .collect();
    let measures = measures.into_iter().collect::<Option<Vec<Measure>>>()?;
    read.listed?;
    Some(Terms { measures, first_payment: read.first_payment? })
}

/// Writes terms.
pub fn terms_out(terms: &Terms, currency: Currency) -> v1::Terms {
    v1::Terms {
        measures: terms
            .measures
            .iter()
            .map(|measure| proposed_measure_out(&as_proposed(measure), currency))
            .collect(),
        first_payment_date: terms.first_payment.map(date_out),
    }
}

/// A proposal with at least one measure; parts may be left out.
pub fn proposal_in(
    v: &mut Violations,
    field: &str,
    terms: Option<&v1::Terms>,
    currency: Currency,
) -> Option<Proposal> {
    let Some(terms) = terms else { return missing(v, field) };
    let read = read(v, field, terms, currency);
    let measures = read.measures.into_iter().collect::<Option<Vec<ProposedMeasure>>>()?;
    read.listed?;
    Some(Proposal { measures, first_payment: read.first_payment? })
}

/// What could be read of terms; `None` marks what was refused.
struct Read {
    first_payment: Option<Option<Date>>,
    measures: Vec<Option<ProposedMeasure>>,
    /// Whether the list as a whole is fine: neither empty nor too long, each kind once.
    listed: Option<()>,
}

fn read(v: &mut Violations, field: &str, terms: &v1::Terms, currency: Currency) -> Read {
    let first_payment =
        date_optional_in(v, &at(field, "first_payment_date"), terms.first_payment_date.as_ref());
    let list = at(field, "measures");
    let listed = if terms.measures.is_empty() {
        missing(v, &list)
    } else if terms.measures.len() > MAX_MEASURES {
        refuse(v, &list, reason::TOO_LONG, format!("at most {MAX_MEASURES} entries"))
    } else {
        each_kind_once(v, &list, &terms.measures)
    };
    let measures = terms
        .measures
        .iter()
        .take(MAX_MEASURES)
        .enumerate()
        .map(|(index, measure)| proposed_measure_in(v, &item(&list, index), measure, currency))
        .collect();
    Read { first_payment, measures, listed }
}

fn each_kind_once(v: &mut Violations, list: &str, measures: &[v1::Measure]) -> Option<()> {
    let kind = |measure: &v1::Measure| measure.kind.as_ref().map(discriminant);
    let twice = measures.iter().enumerate().find(|(index, measure)| {
        kind(measure).is_some() && measures.iter().take(*index).any(|earlier| kind(earlier) == kind(measure))
    });
    match twice {
        Some((index, _)) => {
            refuse(v, &item(list, index), reason::DUPLICATE, "each kind of measure at most once")
        }
        None => Some(()),
    }
}

/// Writes a proposal.
pub fn proposal_out(proposal: &Proposal, currency: Currency) -> v1::Terms {
    v1::Terms {
        measures: proposal.measures.iter().map(|measure| proposed_measure_out(measure, currency)).collect(),
        first_payment_date: proposal.first_payment.map(date_out),
    }
}
