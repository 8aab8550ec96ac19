//! Money with its expected currency.

use api::leeway::common::v1;
use chassis::Violations;
use loan::{Amount, Currency, Parts};

use crate::primitives::{at, missing, reason, refuse};

/// Largest amount of a message, minor units either way.
pub const MAX_MONEY_MINOR: i64 = loan::contract::MAX_PRINCIPAL_MINOR;
/// ISO 4217 "no currency". Expected where the real one couldn't be read: then money may have any, and other violations are
/// still found.
pub const ANY_CURRENCY: &str = "XXX";

/// A currency code; [`ANY_CURRENCY`] is none.
pub fn currency_in(v: &mut Violations, field: &str, code: &str) -> Option<Currency> {
    if code.is_empty() {
        return missing(v, field);
    }
    match Currency::parse(code) {
        Ok(currency) if code != ANY_CURRENCY => Some(currency),
        _ => refuse(v, field, reason::MALFORMED, "an ISO 4217 code such as CNY"),
    }
}

/// Money of at least 0 that must be set.
pub fn money_in(
    v: &mut Violations,
    field: &str,
    money: Option<&v1::Money>,
    currency: Currency,
) -> Option<Amount> {
    money_from(v, field, money, currency, 0)
}

/// Money above 0 that must be set.
pub fn money_positive_in(
    v: &mut Violations,
    field: &str,
    money: Option<&v1::Money>,
    currency: Currency,
) -> Option<Amount> {
    money_from(v, field, money, currency, 1)
}

/// Money that must be set and may be negative, such as a difference.
pub fn money_signed_in(
    v: &mut Violations,
    field: &str,
    money: Option<&v1::Money>,
    currency: Currency,
) -> Option<Amount> {
    money_from(v, field, money, currency, -MAX_MONEY_MINOR)
}

/// Money of at least 0; not set means 0.
pub fn money_or_zero_in(
    v: &mut Violations,
    field: &str,
    money: Option<&v1::Money>,
    currency: Currency,
) -> Option<Amount> {
    match money {
        Some(_) => money_in(v, field, money, currency),
        None => Some(Amount::ZERO),
    }
}

fn money_from(
    v: &mut Violations,
    field: &str,
    money: Option<&v1::Money>,
    currency: Currency,
    least: i64,
) -> Option<Amount> {
    let Some(money) = money else { return missing(v, field) };
    let code = expected_currency_in(v, &at(field, "currency_code"), &money.currency_code, currency);
    let minor = &at(field, "minor_units");
    let amount = if money.minor_units < least {
        refuse(v, minor, reason::OUT_OF_RANGE, format!("must be at least {least}"))
    } else if money.minor_units > MAX_MONEY_MINOR {
        refuse(v, minor, reason::OUT_OF_RANGE, format!("must be at most {MAX_MONEY_MINOR}"))
    } else {
        Some(Amount::new(money.minor_units))
    };
    code?;
    amount
}

fn expected_currency_in(v: &mut Violations, field: &str, code: &str, expected: Currency) -> Option<()> {
    let stated = currency_in(v, field, code)?;
    if stated == expected || expected.code() == ANY_CURRENCY {
        Some(())
    } else {
        refuse(v, field, reason::OTHER_CURRENCY, format!("must be {expected}"))
    }
}

/// Writes money.
pub fn money_out(amount: Amount, currency: Currency) -> v1::Money {
    v1::Money { currency_code: currency.code().to_owned(), minor_units: amount.minor() }
}

/// Sums by part, all of them set.
pub fn parts_in(
    v: &mut Violations,
    field: &str,
    parts: Option<&v1::Parts>,
    currency: Currency,
) -> Option<Parts> {
    let Some(parts) = parts else { return missing(v, field) };
    let penalty = money_in(v, &at(field, "penalty"), parts.penalty.as_ref(), currency);
    let fee = money_in(v, &at(field, "fee"), parts.fee.as_ref(), currency);
    let interest = money_in(v, &at(field, "interest"), parts.interest.as_ref(), currency);
    let principal = money_in(v, &at(field, "principal"), parts.principal.as_ref(), currency);
    Some(Parts { penalty: penalty?, fee: fee?, interest: interest?, principal: principal? })
}

/// Writes sums by part.
pub fn parts_out(parts: &Parts, currency: Currency) -> v1::Parts {
    v1::Parts {
        penalty: Some(money_out(parts.penalty, currency)),
        fee: Some(money_out(parts.fee, currency)),
        interest: Some(money_out(parts.interest, currency)),
        principal: Some(money_out(parts.principal, currency)),
    }
}
