//! The packs that ship are accepted; packs with one thing wrong are refused at its file and line.

use assessment::{PackFiles, load_pack};
use loan::Ratio;

use crate::support::{files, pack};

/// Replaces the first occurrence in a file; panics where there is none, so that no row of a table is idle.
fn change(files: &mut PackFiles, file: &str, from: &str, to: &str) {
    let text = String::from_utf8(files.0[file].clone()).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    files.0.insert(file.to_owned(), text.replacen(from, to, 1).into_bytes());
}

#[test]
fn the_packs_that_ship_are_accepted() {
    for (name, currency, zone) in [
        ("cn-instalment", "CNY", "Asia/Shanghai"),
        ("uk-consumer", "GBP", "Europe/London"),
        ("us-consumer", "USD", "America/New_York"),
    ] {
        let pack = pack(name);
        assert_eq!(
            (pack.name.as_str(), pack.currency.code(), pack.time_zone.as_str()),
            (name, currency, zone)
        );
        assert_eq!(pack.digest.len(), 64);
        assert_eq!(pack.reasons.len(), 15);
        assert_eq!(pack.evidence().len(), 15);
        assert_eq!(pack.process.answer_deadline_hours, 24);
    }
}

/// The table of parameters that the domain demands of the three packs: cn, uk, us.
#[test]
fn the_packs_that_ship_hold_the_seed_values() {
    let rows = [
        ("max_total_term_months", ["60 months", "120 months", "60 months"]),
        ("penalty_multiplier", ["1.5", "1.0", "1.0"]),
        ("capitalise_penalty", ["false"; 3]),
        ("cost_cap", ["0.24", "none", "0.36"]),
        ("answer_deadline_hours", ["24 hours"; 3]),
        ("information_request_days", ["7 days", "14 days", "30 days"]),
        ("hold_after_refusal_days", ["7 days", "14 days", "14 days"]),
        ("moratorium_days", ["none", "60 days", "none"]),
        ("relief_limit_12m", ["1 plans", "none", "1 plans"]),
        ("relief_limit_60m", ["none", "none", "2 plans"]),
        ("reporting_threshold_days", ["30 days"; 3]),
        ("pre_notice_before_report", ["REQUIRED", "EXPLAINED_IN_OFFER", "NOT_REQUIRED"]),
        ("human_review_on_demand", ["true", "true", "false"]),
        ("health_data_consent", ["true", "true", "false"]),
        ("diagnosis_data_to_bureau", ["false"; 3]),
    ];
    let packs = ["cn-instalment", "uk-consumer", "us-consumer"].map(pack);
    for (name, values) in rows {
        for (pack, value) in packs.iter().zip(values) {
            let parameter = pack.parameters.iter().find(|parameter| parameter.name == name).unwrap();
            assert_eq!(parameter.value, value, "{} {name}", pack.name);
            assert!(!parameter.source.is_empty(), "{} {name}", pack.name);
        }
    }
    let contact = packs.each_ref().map(|pack| {
        let rules = &pack.contact;
        (rules.first_hour, rules.last_hour, rules.max_attempts, rules.period_days)
    });
    assert_eq!(contact, [(8, 22, 6, 1), (8, 21, 3, 7), (8, 21, 7, 7)]);
    assert!(packs.iter().all(|pack| pack.contact.reminder_days == [-7, -3, -1, 0, 1, 3]));
}

#[test]
fn the_digest_follows_the_content() {
    let mut changed = files("cn-instalment");
    change(&mut changed, "contact.toml", "last_hour = 22", "last_hour = 21");
    assert_ne!(load_pack(&changed).unwrap().digest, pack("cn-instalment").digest);
    assert_eq!(load_pack(&files("cn-instalment")).unwrap().digest, pack("cn-instalment").digest);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    // (file, from, to, part of what is wrong, part of how to mend it)
    let rows = [
        (
            "pack.toml",
            "jurisdiction =",
            "jurisdicton =",
            "unknown key `jurisdicton`",
            "did you mean `jurisdiction`",
        ),
        ("pack.toml", "\"CNY\"", "\"yuan\"", "`yuan` is not a currency", "ISO 4217"),
        ("pack.toml", "Asia/Shanghai", "Asia/Shangri-La", "is not a time zone", "IANA"),
        ("pack.toml", "facts_version = 1", "facts_version = 9", "facts_version", "knows version 1"),
        ("pack.toml", "\"60 months\"", "\"60 days\"", "`max_total_term_months` must be", "months"),
        ("pack.toml", "500.00 CNY", "500.00 USD", "`buffer_cap` must be an amount in CNY", "500.00 CNY"),
        ("pack.toml", "500.00 CNY", "500.001 CNY", "`buffer_cap` must be an amount", "500.00 CNY"),
        (
            "pack.toml",
            "status = \"house\"",
            "status = \"hose\"",
            "unknown status `hose`",
            "did you mean `house`",
        ),
        ("pack.toml", "[parameters.buffer_cap]", "[parameters.buffer_cup]", "`buffer_cup`", "`buffer_cap`"),
        (
            "rules.toml",
            "case.moratorium",
            "case.moratorum",
            "unknown fact `case.moratorum`",
            "`case.moratorium`",
        ),
        ("rules.toml", "value = \"1.0\"", "value = 1", "must be a ratio, found an integer", "\"0.10\""),
        ("rules.toml", "\"50000.00 CNY\"", "\"50000\"", "must be money", "CNY"),
        ("rules.toml", "\"0 days\"", "\"0 months\"", "must be days", "30 days"),
        ("rules.toml", "op = \"is\"", "op = \"<=\"", "operator `<=` doesn't fit", "a flag `is`"),
        ("rules.toml", "[\"M0\", \"M1\"]", "[\"M0\", \"M9\"]", "must be a code", "M4_PLUS"),
        ("rules.toml", "id = \"R3\"", "id = \"R1\"", "rule `R1` stands twice", "id of its own"),
        (
            "rules.toml",
            "adds = [",
            "limits = \"trial\"\nadds = [",
            "effects that its stage can't have",
            "a family",
        ),
        ("rules.toml", "outcome = \"HOLD\"", "outcome = \"HALT\"", "unknown word `HALT`", "HOLD"),
        ("tables/hazard.csv", "3,M4_PLUS,POOR,", "3,M4_PLUS,BAD,", "stand twice", "remove one row"),
        (
            "tables/hazard.csv",
            "3,M4_PLUS,POOR,",
            "3,M4_PLUS,FAIR,",
            "row can't be reached: no history in M4_PLUS has grade FAIR",
            "remove it",
        ),
        (
            "tables/hazard.csv",
            "\n1.5,M2,BAD,",
            "\n#1.5,M2,BAD,",
            "gap: no hazard up to 1.5 for M2 and BAD",
            "M2 and BAD",
        ),
        ("tables/hazard.csv", "\n0.5,M0,GOOD,", "\n0.5000001,M0,GOOD,", "at most 6 places", "write a ratio"),
        ("tables/hazard.csv", "x_max,bucket", "x_max,buckets", "unknown column `buckets`", "`bucket`"),
        ("tables/recovery.csv", "\nM2,", "\n#M2,", "gap: no recovery for M2", "M2"),
        ("tables/tiers.csv", "\nM3,POOR,C", "", "gap: no tier for M3 and POOR", "M3"),
        ("tables/tiers.csv", "M3,POOR,C", "M3,GOOD,C", "no history in M3 has grade GOOD", "history.csv"),
        ("tables/tiers.csv", "M3,POOR,C", "M3,POR,C", "must be GOOD, FAIR, MIXED, POOR or BAD", "write"),
        ("tables/tiers.csv", "M3,POOR,C", "M3,BAD,C", "bucket and grade stand twice", "remove one row"),
        ("tables/tiers.csv", "M0,GOOD,A", "M0,GOOD,Z", "tier Z (M0, GOOD) has no measures", "measures"),
        (
            "tables/authority.csv",
            "\n,,,,OFFICER_AND_SUPERVISOR",
            "",
            "gap: some terms have no authority",
            ",,,,",
        ),
        (
            "tables/authority.csv",
            "5000.00 CNY,0.15,36,200000.00 CNY",
            "200.00 CNY,0.01,6,40000.00 CNY",
            "row can't be reached",
            "reorder",
        ),
        ("tables/history.csv", "\nM4_PLUS,,BAD", "", "some histories have no row", "M4_PLUS,,BAD"),
        ("tables/history.csv", "M1,2,FAIR", "M1,6,FAIR", "those above take every history", "reorder"),
        ("tables/history.csv", "M4_PLUS,3,POOR", "M4_PLUS,0,POOR", "row can't be reached", "reorder"),
        ("tables/history.csv", "M0,0,GOOD", "M0,,GOOD", "no history in M0 has grade FAIR", "history.csv"),
        ("tables/history.csv", "M1,,MIXED", "M2,,MIXED", "gap: no tier for M2 and MIXED", "M2 and MIXED"),
        ("tables/shocks.csv", "\nPOVERTY,", "\n#POVERTY,", "gap: no shock for POVERTY", "POVERTY"),
        ("tables/shocks.csv", "POVERTY,0.80", "POVERTY,1.80", "`income_factor` must be a share", "0 to 1"),
        ("tables/shocks.csv", "POVERTY,0.80", "POVERTY,0.50", "outside its interval", "low ≤ value ≤ high"),
        ("tables/shocks.csv", "POVERTY,", "OTHER,", "reason stands twice", "remove one row"),
        ("tables/measures.csv", "A,DEFERRAL,months,1..3", "A,DEFERRAL,months,3..1", "can't be read", "1..12"),
        (
            "tables/measures.csv",
            "A,DEFERRAL,months,1..3\n",
            "",
            "lacks a parameter of DEFERRAL",
            "parameters",
        ),
        ("tables/evidence.csv", "\nPOVERTY,", "\n#POVERTY,", "gap: no evidence for POVERTY", "POVERTY"),
        (
            "tables/evidence.csv",
            "DEATH_CERTIFICATE",
            "DEATH_CERT",
            "unknown evidence type",
            "DEATH_CERTIFICATE",
        ),
        (
            "reasons/en.toml",
            "[CAN_AFFORD_CURRENT]",
            "[CAN_AFORD_CURRENT]",
            "unknown decline code",
            "CAN_AFFORD",
        ),
        ("contact.toml", "first_hour = 8", "first_hour = 23", "window of contact is empty", "before"),
        ("contact.toml", "first_hour = 8", "first_hour = = 8", "not TOML", "syntax"),
    ];
    for (file, from, to, what, mend) in rows {
        let mut files = files("cn-instalment");
        change(&mut files, file, from, to);
        let errors = load_pack(&files).err().unwrap_or_else(|| panic!("{file}: `{to}` was accepted"));
        let found = errors.0.iter().any(|problem| problem.what.contains(what) && problem.mend.contains(mend));
        assert!(found, "{file}: `{from}` → `{to}` gave\n{errors}");
    }
}

#[test]
fn lines_point_at_the_place() {
    let mut files = files("cn-instalment");
    change(&mut files, "rules.toml", "case.moratorium", "case.moratorum");
    let text = String::from_utf8(files.0["rules.toml"].clone()).unwrap();
    let line = text.lines().position(|line| line.contains("case.moratorum")).unwrap() + 1;
    let errors = load_pack(&files).unwrap_err();
    assert_eq!(errors.0.len(), 1);
    assert_eq!((errors.0[0].file.as_str(), errors.0[0].line as usize), ("rules.toml", line));
}

#[test]
fn a_code_without_both_languages_is_refused() {
    let mut files = files("cn-instalment");
    let text = String::from_utf8(files.0["reasons/zh-CN.toml"].clone()).unwrap();
    let start = text.find("[OUTSIDE_MAX_TERM]").unwrap();
    let end = text[start + 1..].find("\n[").unwrap() + start + 1;
    let text = format!("{}{}", &text[..start], &text[end..]);
    files.0.insert("reasons/zh-CN.toml".to_owned(), text.into_bytes());
    let errors = load_pack(&files).unwrap_err();
    assert!(
        errors.0.iter().any(|problem| problem.what.contains("`OUTSIDE_MAX_TERM` has no sentence")),
        "{errors}"
    );
}

#[test]
fn missing_and_unknown_files_are_refused() {
    let mut files = files("us-consumer");
    files.0.remove("contact.toml");
    files.0.insert("contacts.toml".to_owned(), Vec::new());
    let errors = load_pack(&files).unwrap_err();
    let found: Vec<&str> = errors.0.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(found, ["file is missing", "unknown file"]);
    assert!(errors.0[1].mend.contains("`contact.toml`"));
}

/// Rows of a table without comments and heading.
fn rows(files: &PackFiles, table: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8(files.0[&format!("tables/{table}.csv")].clone()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn every_bucket_and_grade_can_settle() {
    for name in ["cn-instalment", "uk-consumer", "us-consumer"] {
        let files = files(name);
        let (tiers, measures) = (rows(&files, "tiers"), rows(&files, "measures"));
        assert_eq!(tiers.len(), 11, "{name}");
        for tier in &tiers {
            for parameter in ["share", "parts"] {
                let row = [tier[2].as_str(), "SETTLEMENT", parameter];
                let found = measures.iter().any(|measure| measure[..3] == row && !measure[3].is_empty());
                assert!(found, "{name}: {tier:?} has no {parameter} of a settlement");
            }
        }
        for floor in rows(&files, "settlement") {
            assert!(Ratio::parse(&floor[1]).unwrap() <= Ratio::ONE, "{name}: {floor:?}");
        }
    }
}

#[test]
fn every_pack_has_a_floor_under_declared_essentials() {
    for name in ["cn-instalment", "uk-consumer", "us-consumer"] {
        let mut facts = crate::support::li();
        facts.loan.account = crate::support::in_currency_of(name, facts.loan.account);
        facts.statement.essentials.clear();
        let decision = assessment::assess(&pack(name), &facts, assessment::Trace::None).unwrap();
        assert!(!decision.affordability[0].essentials.is_zero(), "{name}");
    }
}
