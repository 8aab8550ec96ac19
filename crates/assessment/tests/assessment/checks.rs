//! Tests inside packs: the packs that ship pass theirs, and what a test, a rule or a row lacks is named by its place.

use std::collections::BTreeSet;

use assessment::{
    CheckedPack, Grade, HardshipReason, Outcome, PackErrors, PackFiles, PackTest, ProposalOutcome,
    check_pack, read_cases, read_tests,
};

use crate::support::{files, pack};

const PACKS: [&str; 3] = ["cn-instalment", "uk-consumer", "us-consumer"];

#[test]
fn the_packs_that_ship_pass_their_own_tests() {
    for name in PACKS {
        let CheckedPack { pack, tests } =
            check_pack(&files(name)).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(pack.name, name);
        assert!(tests >= 30, "{name} has {tests} tests");
    }
}

fn tests(name: &str) -> Vec<PackTest> {
    read_tests(&pack(name), &files(name)).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn the_cases_that_ship_vary_in_every_way() {
    for name in PACKS {
        let tests = tests(name);
        let reasons: BTreeSet<HardshipReason> = tests.iter().map(|test| test.facts.reason).collect();
        assert_eq!(reasons.len(), HardshipReason::ALL.len(), "{name}");
        let text: String = files(name)
            .0
            .iter()
            .filter(|(file, _)| file.starts_with("tests/"))
            .map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap())
            .collect();
        let grades = Grade::ALL.iter().map(|grade| format!("grade = \"{}\"", grade.as_str()));
        let outcomes = Outcome::ALL.iter().map(|outcome| format!("outcome = \"{}\"", outcome.as_str()));
        for expected in grades.chain(outcomes) {
            assert!(text.contains(&expected), "{name} has no case with {expected}");
        }
    }
    let proposals: BTreeSet<ProposalOutcome> = tests("cn-instalment")
        .iter()
        .filter_map(|test| Some(test.decide(&pack("cn-instalment")).ok()?.proposal?.outcome))
        .collect();
    assert_eq!(proposals.len(), ProposalOutcome::ALL.len());
}

/// Line of a text in a file of a pack, from 1.
fn line_of(files: &PackFiles, file: &str, part: &str) -> u32 {
    let text = String::from_utf8(files.0[file].clone()).unwrap();
    let line = text.lines().position(|line| line.contains(part));
    u32::try_from(line.unwrap_or_else(|| panic!("{file} has no `{part}`")) + 1).unwrap()
}

#[test]
fn rules_and_rows_that_no_test_reaches_are_named() {
    let mut files = files("cn-instalment");
    // Every case of M4+, every other one in M3 and BAD, tier B's token payments, education costs, and R4's.
    let gone = [
        "m3-bad-behind-for-months",
        "m4-bad-five-missed",
        "m4-poor-just-beyond-ninety",
        "r10-settlement-in-three-parts",
        "r4-absconding",
        "r9-tokens-in-tier-b",
        "r9-tokens-in-tier-c",
        "wang-settlement",
    ];
    for name in gone {
        files.0.remove(&format!("tests/{name}.toml")).unwrap();
    }
    // A row that judges only what no case asks for.
    let authority = String::from_utf8(files.0["tables/authority.csv"].clone()).unwrap();
    let first = "0.00 CNY,0,0,0.01 CNY,AUTOMATIC\n300.00 CNY";
    let authority = authority.replacen("300.00 CNY", first, 1);
    files.0.insert("tables/authority.csv".to_owned(), authority.into_bytes());
    let rows = [
        ("rules.toml", "id = \"R4\"", "rule `R4` fires in no test", "add a test in which it fires"),
        ("tables/authority.csv", "0.00 CNY,0,0", "", "add a test with terms that it judges"),
        ("tables/evidence.csv", "EDUCATION_COSTS,", "", "add a test of reason EDUCATION_COSTS"),
        (
            "tables/hazard.csv",
            "\n0.8,M3,BAD,",
            "",
            "add a test in M3 and BAD that pays up to 0.8 of the share",
        ),
        (
            "tables/measures.csv",
            "B,TOKEN_PAYMENTS,months",
            "",
            "add a test in tier B in which rules add TOKEN_PAYMENTS",
        ),
        ("tables/recovery.csv", "M4_PLUS,", "", "add a test with terms in M4_PLUS"),
        ("tables/settlement.csv", "M4_PLUS,", "", "add a test in M4_PLUS with a proved lump sum"),
        ("tables/tiers.csv", "M4_PLUS,BAD,", "", "add a test with terms in M4_PLUS and BAD"),
    ];
    let PackErrors(problems) = check_pack(&files).unwrap_err();
    for (file, at, what, mend) in rows {
        let line = line_of(&files, file, at.trim_start());
        let what = if what.is_empty() { "no test reaches this row" } else { what };
        let found = problems.iter().any(|problem| {
            (problem.file.as_str(), problem.line, problem.what.as_str()) == (file, line, what)
                && problem.mend.contains(mend)
        });
        assert!(found, "{file}:{line}: {what}; {mend}\nwasn't among\n{}", PackErrors(problems));
    }
}

const CASE: &str = "as_of = \"2026-07-20\"\nreason = \"ILLNESS_DISABILITY\"\nevidence = [\"HOSPITAL_BILL\"]\n\
                    [loan]\nprincipal = \"12000.00 CNY\"\nrate = \"0.144\"\ninstalments = 12\n\
                    interest_from = \"2026-01-15\"\npaid = 5\n[statement]\nincome = \"1000.00 CNY\"\n\
                    [proposal]\nmeasures = [{ kind = \"DEFERRAL\", months = 3 }]\n\
                    [expect]\noutcome = \"REVIEW\"\n";

#[test]
fn an_expectation_that_is_not_met_says_where_what_and_how() {
    // (added to the expectations, what is said on its line)
    let rows = [
        ("authority = \"AUTOMATIC\"", "expects authority AUTOMATIC, found OFFICER"),
        ("codes = []", "expects codes [], found [UNSUSTAINABLE_EVEN_IF_CHANGED]"),
        ("rules = [\"R7\", \"R8\"]", "expects fired rules [R7, R8], found [R7, R9]"),
        ("bucket = \"M2\"", "expects bucket M2, found M1"),
        ("grade = \"BAD\"", "expects grade BAD, found FAIR"),
        ("tier = \"C\"", "expects tier C, found A"),
        ("offers = 2", "expects number of offers 2, found 0"),
        ("proposal = \"COMPLETED\"", "expects proposal COMPLETED, found INFEASIBLE"),
        ("requested = [\"PAYSLIPS\"]", "expects requested evidence [PAYSLIPS], found []"),
        (
            "[expect.facts]\n\"loan.balance\" = \"7.00 CNY\"",
            "expects fact loan.balance 7.00 CNY, found 7207.86 CNY",
        ),
        (
            "[[expect.offer]]\nlabel = \"PROPOSAL\"\ntotal = \"1.00 CNY\"",
            "expects total of offer PROPOSAL 1.00 CNY, found no such offer",
        ),
    ];
    let pack = pack("cn-instalment");
    for (added, what) in rows {
        let text = format!("{CASE}{added}\n");
        let test = &read_cases(&pack, "tests/case.toml", text.as_bytes()).unwrap()[0];
        let problems = test.run(&pack);
        assert_eq!(problems.len(), 1, "{added}: {problems:?}");
        assert_eq!(problems[0].file, "tests/case.toml");
        assert_eq!(problems[0].line as usize, text.lines().count(), "{added}");
        assert_eq!(problems[0].what, format!("`case` {what}"));
        assert!(problems[0].mend.contains("if the new answer is right, write it here"));
    }
    let text = CASE.replace("2026-07-20", "2026-01-14");
    let test = &read_cases(&pack, "case.toml", text.as_bytes()).unwrap()[0];
    assert!(test.run(&pack)[0].what.starts_with("`case` can't be assessed: "), "{:?}", test.run(&pack));
    let text = text.replace("outcome = \"REVIEW\"", "error = \"NOT_ASSESSABLE\"").replace("paid = 5\n", "");
    let test = &read_cases(&pack, "case.toml", text.as_bytes()).unwrap()[0];
    assert_eq!(test.run(&pack), []);
}

#[test]
fn offers_are_compared_field_by_field() {
    let pack = pack("cn-instalment");
    let name = "tests/li-deferral.toml";
    let text = String::from_utf8(files("cn-instalment").0[name].clone()).unwrap();
    // (in place of, found)
    let rows = [
        ("deferral:3:none", "deferral:2:none", "terms of offer PROPOSAL"),
        ("present_value_loss = \"256.42", "present_value_loss = \"256.43", "found 256.42 CNY"),
        ("\"CURRENT\"", "\"FROZEN\"", "found CURRENT"),
        ("6 2026-10-15 1079.70", "6 2026-10-15 1079.71", "rows of offer PROPOSAL 6 2026-10-15 1079.71 CNY"),
    ];
    for (from, to, what) in rows {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        let test = &read_cases(&pack, name, changed.as_bytes()).unwrap()[0];
        let problems = test.run(&pack);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].what.contains(what), "{problems:?}");
    }
}

#[test]
fn what_a_test_can_not_say_is_refused_at_its_line() {
    // (in place of, by, part of the line, what, how to mend it)
    let rows = [
        ("[statement]", "[statment]", "[statment]", "unknown key `statment`", "did you mean `statement`?"),
        ("paid = 5", "payed = 5", "payed", "unknown key `payed`", "did you mean `paid`?"),
        ("as_of = \"2026-07-20\"", "as_of = \"20 July\"", "20 July", "`as_of` is not a date", "2026-01-31"),
        ("as_of = \"2026-07-20\"", "", "reason", "key `as_of` is missing", "add `as_of`"),
        ("ILLNESS_DISABILITY", "ILLNESS", "reason", "unknown word `ILLNESS`", "known are: "),
        (
            "HOSPITAL_BILL",
            "HOSPITAL_BIL",
            "evidence",
            "unknown word `HOSPITAL_BIL`",
            "did you mean `HOSPITAL_BILL`?",
        ),
        ("12000.00 CNY", "12000.00 USD", "USD", "`principal` must be an amount in CNY", "500.00 CNY"),
        ("paid = 5", "paid = \"5\"", "paid", "`paid` must be an integer, found text", "an integer"),
        ("rate = \"0.144\"", "rate = \"14.4 %\"", "rate", "`rate` is not a rate", "0.144"),
        ("instalments = 12", "instalments = 0", "[loan]", "loan can't be computed", "mend the loan"),
        ("months = 3 }", "month = 3 }", "month = 3", "key `months` is missing", "add `months`"),
        ("months = 3 }", "months = 999 }", "999", "`months` is too large: 999", "smaller"),
        ("\"DEFERRAL\"", "\"DEFERAL\"", "DEFERAL", "unknown word `DEFERAL`", "did you mean `DEFERRAL`?"),
        ("outcome = \"REVIEW\"", "", "[expect]", "either an outcome or an error", "add `outcome`"),
        (
            "outcome = \"REVIEW\"",
            "outcome = \"REVIEW\"\nerror = \"X\"",
            "[expect]",
            "either an outcome or an error",
            "add `outcome`",
        ),
        (
            "outcome = \"REVIEW\"",
            "outcome = \"REVIEW\"\nfacts = { \"loan.balanc\" = \"1.00 CNY\" }",
            "loan.balanc",
            "unknown fact `loan.balanc`",
            "did you mean `loan.balance`?",
        ),
        (
            "outcome = \"REVIEW\"",
            "outcome = \"REVIEW\"\noffer = [{ label = \"PROPOSAL\", rows = [\"1079.70 CNY\"] }]",
            "rows",
            "row can't be read: `1079.70 CNY`",
            "number, date and amount",
        ),
        (
            "income = \"1000.00 CNY\"",
            "income = \"1000.00 CNY\"\nverified_income = \"1000.00 CNY\"",
            "[statement]",
            "`income` stands beside declared or verified income",
            "keep `income`",
        ),
    ];
    let pack = pack("cn-instalment");
    for (from, to, at, what, mend) in rows {
        assert!(CASE.contains(from), "{from}");
        let text = CASE.replacen(from, to, 1);
        let line = text.lines().position(|line| line.contains(at)).unwrap() + 1;
        // A key that is missing is missed where its table begins.
        let line = if what.contains("`as_of` is missing") { 1 } else { line };
        let PackErrors(problems) = read_cases(&pack, "case.toml", text.as_bytes()).unwrap_err();
        let found = problems.iter().any(|problem| {
            problem.line as usize == line && problem.what.contains(what) && problem.mend.contains(mend)
        });
        assert!(found, "case.toml:{line}: {what}; {mend}\nwasn't among\n{}", PackErrors(problems));
    }
}

#[test]
fn several_tests_of_a_file_share_what_it_says_for_all() {
    let pack = pack("cn-instalment");
    let shared = CASE.split("[expect]").next().unwrap();
    let text = format!(
        "{shared}\n[[test]]\nname = \"none\"\nexpect = {{ outcome = \"REVIEW\", rules = [\"R7\", \"R9\"] }}\n\
         [[test]]\nname = \"held\"\nflags = [\"MORATORIUM\"]\nexpect = {{ outcome = \"HOLD\" }}\n\
         [[test]]\nname = \"paid\"\nloan = {{ paid = 6 }}\nexpect = {{ outcome = \"REVIEW\", bucket = \"M0\" }}\n"
    );
    let tests = read_cases(&pack, "tests/shared.toml", text.as_bytes()).unwrap();
    let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["shared/none", "shared/held", "shared/paid"]);
    for test in &tests {
        assert_eq!(test.run(&pack), [], "{}", test.name);
    }
    for (from, to, what) in
        [("\"held\"", "\"none\"", "test `none` stands twice"), ("name = \"held\"\n", "", "test has no name")]
    {
        let PackErrors(problems) =
            read_cases(&pack, "t.toml", text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!(problems[0].what, what);
        assert_eq!(
            problems[0].line as usize,
            1 + text.lines().position(|line| line == "name = \"none\"").unwrap() + 2
        );
    }
}

#[test]
fn a_pack_without_tests_or_with_a_wrong_one_is_refused() {
    let mut files = files("us-consumer");
    files.0.retain(|file, _| !file.starts_with("tests/"));
    let errors = check_pack(&files).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "tests:0: pack has no test; add a file with facts and what must come out, such as `tests/moratorium.toml`"
    );
    files.0.insert("tests/empty.toml".to_owned(), Vec::new());
    let PackErrors(problems) = check_pack(&files).unwrap_err();
    let found: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(found, ["key `as_of` is missing", "key `expect` is missing", "key `loan` is missing"]);
}
