//! Our own columns: a contract a row.

use std::io::Read;

use anyhow::Context as _;
use api::google::r#type::Date as DateMessage;
use api::leeway::application::v1::LoanRegistration;
use api::leeway::common::v1 as common;
use jiff::civil::Date;
use serde::Deserialize;

use super::PortfolioLoan;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    loan_id: String,
    borrower_id: String,
    currency: String,
    /// Decimal, e.g. `12000.00`.
    principal: String,
    annual_rate: String,
    instalments: i32,
    interest_from_date: Date,
    first_due_date: Date,
    /// `equal_instalments` (default), `equal_principal`, `interest_only` or `flat`.
    #[serde(default)]
    amortisation: String,
    #[serde(default)]
    pack_name: String,
}

/// Every loan of the file.
pub fn read<R: Read>(reader: &mut csv::Reader<R>) -> anyhow::Result<Vec<PortfolioLoan>> {
    let mut loans = Vec::new();
    for (index, row) in reader.deserialize::<Row>().enumerate() {
        let number = i64::try_from(index)? + 2;
        let row = row.with_context(|| format!("row {number}"))?;
        let registration = registration(row).with_context(|| format!("row {number}"))?;
        loans.push(PortfolioLoan { row: number, status: String::new(), registration, facts: None });
    }
    Ok(loans)
}

fn registration(row: Row) -> anyhow::Result<LoanRegistration> {
    let currency = loan::Currency::parse(&row.currency)?;
    let principal = loan::Amount::parse(&row.principal, currency)?;
    let amortisation = match row.amortisation.as_str() {
        "" | "equal_instalments" => common::Amortisation::EqualInstalments,
        "equal_principal" => common::Amortisation::EqualPrincipal,
        "interest_only" => common::Amortisation::InterestOnly,
        "flat" => common::Amortisation::Flat,
        other => anyhow::bail!(
            "amortisation `{other}` is none of `equal_instalments`, `equal_principal`, `interest_only`, `flat`"
        ),
    };
    let contract = common::LoanContract {
        principal: Some(common::Money { currency_code: row.currency, minor_units: principal.minor() }),
        annual_rate: row.annual_rate,
        amortisation: amortisation.into(),
        instalments: row.instalments,
        interest_from_date: Some(date(row.interest_from_date)),
        first_due_date: Some(date(row.first_due_date)),
        ..common::LoanContract::default()
    };
    Ok(LoanRegistration {
        loan_id: row.loan_id,
        borrower_id: row.borrower_id,
        contract: Some(contract),
        pack_name: row.pack_name,
        ..LoanRegistration::default()
    })
}

fn date(day: Date) -> DateMessage {
    DateMessage { year: i32::from(day.year()), month: i32::from(day.month()), day: i32::from(day.day()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_columns_are_read_and_foreign_ones_refused() {
        let head = "loan_id,borrower_id,currency,principal,annual_rate,instalments,interest_from_date,first_due_date";
        let text = format!("{head}\nL1,li,CNY,12000.00,0.144,12,2026-01-15,2026-02-15\n");
        let loans = read(&mut csv::Reader::from_reader(text.as_bytes())).unwrap();
        let contract = loans[0].registration.contract.clone().unwrap();
        assert_eq!(contract.principal.unwrap().minor_units, 1_200_000);
        for (word, amortisation) in [
            ("equal_principal", common::Amortisation::EqualPrincipal),
            ("interest_only", common::Amortisation::InterestOnly),
            ("flat", common::Amortisation::Flat),
        ] {
            let row = format!("L1,li,CNY,12000.00,0.144,12,2026-01-15,2026-02-15,{word}");
            let text = format!("{head},amortisation\n{row}\n");
            let loans = read(&mut csv::Reader::from_reader(text.as_bytes())).unwrap();
            assert_eq!(loans[0].registration.contract.as_ref().unwrap().amortisation(), amortisation);
        }
        let text =
            format!("{head},amortisation\nL1,li,CNY,12000.00,0.144,12,2026-01-15,2026-02-15,balloon\n");
        assert!(read(&mut csv::Reader::from_reader(text.as_bytes())).is_err());
        let text = format!("{head},amortization\nL1,li,CNY,12000.00,0.144,12,2026-01-15,2026-02-15,x\n");
        assert!(read(&mut csv::Reader::from_reader(text.as_bytes())).is_err());
    }
}
