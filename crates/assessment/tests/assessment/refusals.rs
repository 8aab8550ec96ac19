//! What the checker refuses without a case: each with its file, its line, what is wrong and how to mend it.

use assessment::{MAX_CONDITIONS, MAX_NESTING, MAX_PACK_BYTES, MAX_RULES, MAX_TABLE_ROWS, load_pack};

use crate::support::files;

/// Changes the default pack in one place and looks for the refusal: the part `at` of the line that is named (empty: the
/// whole file is meant), part of what is wrong and part of how to mend it.
fn refused(file: &str, (from, to): (&str, &str), at: &str, (what, mend): (&str, &str)) {
    let mut files = files("cn-instalment");
    let text = String::from_utf8(files.0[file].clone()).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    let text = text.replacen(from, to, 1);
    let line = text.lines().position(|line| !at.is_empty() && line.contains(at)).map_or(0, |line| line + 1);
    assert_eq!(line == 0, at.is_empty(), "{file}: no line has `{at}`");
    files.0.insert(file.to_owned(), text.into_bytes());
    let errors = load_pack(&files).err().unwrap_or_else(|| panic!("`{to}` was accepted"));
    let found = errors.0.iter().any(|problem| {
        (problem.file.as_str(), problem.line as usize) == (file, line)
            && problem.what.contains(what)
            && problem.mend.contains(mend)
    });
    assert!(found, "{file}:{line}: {what}; {mend}\nwasn't among\n{errors}");
}

/// The condition of R5, on line 75 of its file.
const BROKEN: &str = "{ fact = \"prior.broken_plans_12m\", op = \">=\", value = 1 },";

#[test]
fn conditions_that_say_nothing_or_exclude_each_other() {
    let correct = "correct the threshold, or remove the condition";
    let reasons = "{ fact = \"case.reason\", op = \"=\", value = \"OTHER\" },\n\
                   { fact = \"case.reason\", op = \"in\", value = [\"POVERTY\", \"DISASTER\"] },";
    let flags = "{ fact = \"case.moratorium\", op = \"is\", value = true },\n\
                 { fact = \"case.moratorium\", op = \"is\", value = false },";
    let counts = "{ fact = \"prior.broken_plans_12m\", op = \">=\", value = 3 },\n\
                  { fact = \"prior.broken_plans_12m\", op = \"<\", value = 3 },";
    let twice = "{ fact = \"loan.balance\", op = \">\", value = \"10.00 CNY\" },\n\
                 { fact = \"loan.balance\", op = \">=\", value = \"10.01 CNY\" },";
    // (in place of R5's condition, the line that is named, what is wrong, how to mend it)
    let rows = [
        (
            "{ fact = \"prior.broken_plans_12m\", op = \"<\", value = 0 },",
            "value = 0 }",
            ("condition can never hold: `prior.broken_plans_12m` is never below 0", correct),
        ),
        (
            "{ fact = \"prior.broken_plans_12m\", op = \">=\", value = 0 },",
            "value = 0 }",
            ("condition always holds: `prior.broken_plans_12m` is never below 0", correct),
        ),
        (
            "{ fact = \"income.gap\", op = \">\", value = \"1\" },",
            "value = \"1\"",
            ("condition can never hold: `income.gap` lies between 0 and 1", correct),
        ),
        (counts, "value = 3 },\n", ("rule `R5` can never fire: this excludes line 75", "match any")),
        (reasons, "\"DISASTER\"]", ("rule `R5` can never fire: this excludes line 75", "match any")),
        (flags, "moratorium\", op = \"is\", value = false", ("rule `R5` can never fire", "match any")),
        (twice, "10.01 CNY", ("condition stands twice, first on line 75", "remove one")),
        (
            "{ fact = \"case.reason\", op = \"in\", value = [\"OTHER\", \"OTHER\"] },",
            "\"OTHER\", \"OTHER\"",
            ("code `OTHER` stands twice", "name each code once"),
        ),
        (
            "{ fact = \"income.gap\", op = \">\", value = \"0.1000001\" },",
            "0.1000001",
            ("threshold of `income.gap` must be a ratio", "with at most 6 places"),
        ),
    ];
    for (to, at, says) in rows {
        // The second of two conditions is the one that is named.
        let at = if at.ends_with('\n') { "op = \"<\", value = 3" } else { at };
        refused("rules.toml", (BROKEN, to), at, says);
    }
}

#[test]
fn gates_and_rules_that_another_forestalls() {
    let gate = |matching: &str, when: &str| {
        format!(
            "\n[[rule]]\nid = \"late\"\ntitle = \"t\"\nstage = \"gate\"\nmatch = \"{matching}\"\n\
             outcome = \"REVIEW\"\nwhen = [{when}]\n\n[[rule]]\nid = \"R6\"\n"
        )
    };
    let duplicate = "{ fact = \"evidence.duplicate\", op = \"is\", value = true }";
    let denied = "{ fact = \"evidence.issuer_denies\", op = \"is\", value = true }";
    let vulnerable = "{ fact = \"case.vulnerable\", op = \"is\", value = true }";
    let broken = "{ fact = \"prior.broken_plans_12m\", op = \">\", value = 2 }";
    let malice = "{ fact = \"case.malicious_indicators\", op = \"all\", value = [\"ABSCONDING\"] }";
    let shadowed = "gate `late` can't be reached: gate `R";
    let rows = [
        (gate("all", &format!("{broken}, {vulnerable}")), format!("{shadowed}5` on line 66 fires whenever")),
        (gate("all", duplicate), format!("{shadowed}3` on line 41 fires whenever")),
        (gate("any", malice), format!("{shadowed}4` on line 54 fires whenever")),
        (
            gate("any", &format!("{denied}, {duplicate}")),
            "rule `late` asks the same as rule `R3` on line 41".into(),
        ),
    ];
    for (to, what) in &rows {
        refused("rules.toml", ("\n[[rule]]\nid = \"R6\"\n", to), "id = \"late\"", (what, "or"));
    }
    // Each of these has a case that no earlier gate takes.
    for when in [format!("{duplicate}, {vulnerable}"), format!("{malice}, {vulnerable}")] {
        let mut files = files("cn-instalment");
        let text = String::from_utf8(files.0["rules.toml"].clone()).unwrap();
        let changed = text.replacen("\n[[rule]]\nid = \"R6\"\n", &gate("any", &when), 1);
        files.0.insert("rules.toml".to_owned(), changed.into_bytes());
        load_pack(&files).unwrap_or_else(|errors| panic!("{when}: {errors}"));
    }
}

#[test]
fn parameters_and_dates() {
    let rows = [
        (
            "pack.toml",
            (
                "effective_from = \"2026-01-01\"\n",
                "effective_from = \"2026-01-01\"\neffective_until = \"2025-12-31\"\n",
            ),
            "effective_until",
            ("`effective_until` 2025-12-31 lies before `effective_from` 2026-01-01", "on or after"),
        ),
        (
            "pack.toml",
            ("effective_from = \"2026-01-01\"\n", "effective_from = \"2025-06-01\"\n"),
            "[parameters.max_total_term_months]",
            ("`max_total_term_months` holds from 2026-01-01, later than the pack", "begin with the pack"),
        ),
        (
            "pack.toml",
            ("effective_from = \"2026-01-01\"", "effective_from = \"soon\""),
            "soon",
            ("is not a date", "2026-01-31"),
        ),
        (
            "pack.toml",
            ("value = false", "value = true"),
            "value = true",
            ("penalty is never capitalised", "write false"),
        ),
        ("pack.toml", ("\"0.24\"", "\"24 %\""), "24 %", ("`cost_cap` must be a ratio", "\"0.10\"")),
        (
            "pack.toml",
            ("\"1 plans\"", "\"1 years\""),
            "1 years",
            ("`relief_limit_12m` must be a number of plans", "7 plans"),
        ),
    ];
    for (file, change, at, says) in rows {
        refused(file, change, at, says);
    }
}

#[test]
fn parameters_as_thresholds() {
    let limit = "parameter = \"relief_limit_12m\"";
    let rows = [
        (
            "rules.toml",
            (limit, "parameter = \"relief_limit_60m\""),
            "relief_limit_60m",
            ("`relief_limit_60m` is none: there is nothing to compare with", "remove the rule"),
        ),
        (
            "rules.toml",
            (limit, "parameter = \"relief_limit_12\""),
            "relief_limit_12\"",
            ("unknown parameter `relief_limit_12`", "did you mean `relief_limit_12m`?"),
        ),
        (
            "rules.toml",
            (limit, "parameter = \"relief_limit_12m\", value = 1"),
            limit,
            ("condition has a value and a parameter", "keep one"),
        ),
        (
            "rules.toml",
            (limit, "parameter = \"penalty_multiplier\""),
            "penalty_multiplier",
            ("must be a count", "3"),
        ),
        (
            "rules.toml",
            ("\"prior.plans_12m\", op = \">=\", parameter", "\"prior.applications\", op = \">=\", parameter"),
            "",
            ("no rule asks for `relief_limit_12m`", "add a rule with { fact = \"prior.plans_12m\""),
        ),
        (
            "rules.toml",
            (limit, "value = 1"),
            "",
            (
                "no rule asks for `relief_limit_12m`",
                "add a rule with { fact = \"prior.plans_12m\", op = \">=\", parameter = \"relief_limit_12m\" }",
            ),
        ),
    ];
    for (file, change, at, says) in rows {
        refused(file, change, at, says);
    }
}

#[test]
fn rows_that_no_case_can_reach_or_that_say_a_thing_twice() {
    let rows = [
        (
            "tables/measures.csv",
            ("C,DEFERRAL,months,1..3", "Z,DEFERRAL,months,1..3"),
            "Z,DEFERRAL,months",
            ("row can't be reached: no bucket and grade has tier Z", "mend `tables/tiers.csv`"),
        ),
        (
            "tables/measures.csv",
            ("A,RE_AGE,rows,0|3|6|12", "A,RE_AGE,rows,0|3|3|12"),
            "0|3|3|12",
            ("values of `RE_AGE.rows` can't be read", "each once"),
        ),
        (
            "tables/measures.csv",
            ("A,TERM_EXTENSION,instalments,1..24", "A,TERM_EXTENSION,instalments,1..24|1..60"),
            "1..24|1..60",
            ("values of `TERM_EXTENSION.instalments` can't be read", "at most 64"),
        ),
        (
            "tables/evidence.csv",
            ("PAYSLIPS|BANK_STATEMENT|TAX_RETURN", "PAYSLIPS|PAYSLIPS"),
            "PAYSLIPS|PAYSLIPS",
            ("`PAYSLIPS` stands twice", "each type once"),
        ),
        (
            "tables/evidence.csv",
            ("POVERTY,", "OTHER,"),
            "OTHER,BANK_STATEMENT",
            ("reason stands twice", "remove one row"),
        ),
        ("tables/recovery.csv", ("M3,", "M2,"), "M2,0.20", ("bucket stands twice", "remove one row")),
        ("tables/settlement.csv", ("M3,", "M2,"), "M2,0.85", ("bucket stands twice", "remove one row")),
        (
            "tables/authority.csv",
            ("\n,,,,", "\n,,,,OFFICER\n,,,,"),
            ",,,,OFFICER_AND_SUPERVISOR",
            ("row can't be reached: one above takes all of it", "reorder"),
        ),
        (
            "tables/history.csv",
            ("M1,2,FAIR", "M1,2,FAIR\nM1,1,FAIR"),
            "M1,1,FAIR",
            ("row can't be reached", "reorder"),
        ),
        (
            "contact.toml",
            ("-7, -3", "-7, -7"),
            "reminder_days",
            ("reminder day -7 stands twice", "each day once"),
        ),
    ];
    for (file, change, at, says) in rows {
        refused(file, change, at, says);
    }
}

#[test]
fn what_is_too_much() {
    let rule = "[[rule]]\nid = \"x\"\n".repeat(MAX_RULES);
    let rule = format!("{rule}\n[[rule]]\nid = \"R1\"");
    refused(
        "rules.toml",
        ("[[rule]]\nid = \"R1\"", &rule),
        "[[rule]]",
        ("more than 128 rules", "join rules"),
    );
    let many = format!("{BROKEN}\n").repeat(MAX_CONDITIONS + 1);
    let what = format!("rule has more than {MAX_CONDITIONS} conditions");
    let from = format!("when = [\n    {BROKEN}");
    refused("rules.toml", (&from, &format!("when = [ # many\n{many}")), "# many", (&what, "split it"));
    let deep =
        format!("deep = {}1{}\nfirst_hour = 8", "[".repeat(MAX_NESTING + 1), "]".repeat(MAX_NESTING + 1));
    refused("contact.toml", ("first_hour = 8", &deep), "deep", ("values are nested too deep", "8 levels"));
    let rows = "\n,,,,OFFICER".repeat(MAX_TABLE_ROWS);
    let what = format!("table has more than {MAX_TABLE_ROWS} rows");
    refused("tables/authority.csv", ("\n,,,,", &format!("{rows}\n,,,,")), "", (&what, "remove rows"));
}

#[test]
fn bytes_that_are_no_text_and_packs_that_are_too_large() {
    for (file, at) in [("pack.toml", 3), ("tables/tiers.csv", 2)] {
        let mut files = files("cn-instalment");
        let bytes = files.0.get_mut(file).unwrap();
        let start = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(at - 2).unwrap().0 + 1;
        bytes[start] = 0xff;
        let errors = load_pack(&files).unwrap_err();
        let found = errors.0.iter().find(|problem| problem.what == "file is not UTF-8").unwrap();
        assert_eq!((found.file.as_str(), found.line as usize), (file, at));
        assert_eq!(found.mend, "save it as UTF-8");
    }
    let mut files = files("cn-instalment");
    files.0.insert("tests/large.toml".to_owned(), vec![b'#'; MAX_PACK_BYTES]);
    let errors = load_pack(&files).unwrap_err();
    assert_eq!((errors.0[0].file.as_str(), errors.0[0].what.as_str()), ("pack.toml", "pack is too large"));
    assert!(errors.0[0].mend.contains("128 files"), "{errors}");
}

#[test]
fn a_flood_of_mistakes_is_cut_short() {
    let mut files = files("cn-instalment");
    let flood: String = (0..200_000).map(|number| format!("contct{number} = 1\n")).collect();
    files.0.insert("contact.toml".to_owned(), flood.into_bytes());
    let errors = load_pack(&files).unwrap_err();
    assert_eq!(
        errors.0.iter().filter(|problem| problem.file == "contact.toml").count(),
        assessment::MAX_PROBLEMS
    );
}
