//! SEMANTICS.md: every statement in it names the tests that prove it.

use std::collections::BTreeSet;
use std::path::Path;

const DOCUMENT: &str = include_str!("../../SEMANTICS.md");

#[test]
fn every_statement_names_the_tests_that_prove_it() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    for folder in ["tests/it", "src", "../../tests/it"] {
        collect_tests(&package.join(folder), &mut known);
    }
    let wrong = complaints(DOCUMENT, &known);
    assert!(wrong.is_empty(), "SEMANTICS.md\n{}", wrong.join("\n"));
}

#[test]
fn a_statement_without_a_test_of_that_name_is_found() {
    let document = "\
# Title

It refuses.
(test: `it_refuses`)

- It counts
  to three. (test: `it_counts`)
- It sings.

| operation | what it does | test |
| --- | --- | --- |
| `Jump` | It jumps. | `it_jumps`, `it_refuses` |
| `Dance` | It dances. |

| operation | what it does |
| --- | --- |
| `Refuse` | `it_refuses` |
";
    let known = BTreeSet::from(["it_refuses", "it_counts"].map(ToOwned::to_owned));
    insta::assert_snapshot!(complaints(document, &known).join("\n"), @"
    line 8 names no test: - It sings.
    line 12 names a test that does not exist: `it_jumps`
    line 13 names no test: | `Dance` | It dances. |
    line 17 names no test: | `Refuse` | `it_refuses` |
    ");
}

/// What is wrong with a document whose tests may be these.
fn complaints(document: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for Statement { line, text, tests } in statements(document) {
        if tests.is_empty() {
            complaints.push(format!("line {line} names no test: {text}"));
        }
        let unknown = tests.iter().filter(|name| !known.contains(*name));
        complaints.extend(unknown.map(|name| format!("line {line} names a test that does not exist: `{name}`")));
    }
    complaints
}

/// A paragraph, a bullet or a row of a table.
struct Statement {
    /// Where it begins.
    line: usize,
    text: String,
    tests: Vec<String>,
}

fn statements(document: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    let (mut is_open, mut table) = (false, None);
    for (index, line) in document.lines().enumerate() {
        let is_row = line.starts_with('|');
        let names_tests = table.filter(|_| is_row);
        table = is_row.then(|| names_tests.unwrap_or_else(|| last_cell(line) == "test"));
        let statement = |tests| Statement { line: index + 1, text: line.to_owned(), tests };
        match names_tests {
            Some(_) if line.starts_with("| ---") => {}
            Some(names_tests) => {
                statements.push(statement(if names_tests { names(last_cell(line)) } else { Vec::new() }));
            }
            None if is_row || line.is_empty() || line.starts_with('#') => is_open = false,
            None if is_open && !line.starts_with("- ") => {
                let open = statements.last_mut().unwrap();
                open.text.push(' ');
                open.text.push_str(line.trim());
            }
            None => {
                is_open = true;
                statements.push(statement(Vec::new()));
            }
        }
    }
    for statement in statements.iter_mut().filter(|statement| !statement.text.starts_with('|')) {
        let named = statement.text.strip_suffix(')').and_then(|text| text.rsplit_once("(test: "));
        statement.tests = named.map(|(_, list)| names(list)).unwrap_or_default();
    }
    statements
}

fn last_cell(row: &str) -> &str {
    row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim()
}

/// The names in a list such as `` `one`, `two` ``; none where it holds anything else.
fn names(list: &str) -> Vec<String> {
    let name = |word: &str| Some(word.strip_prefix('`')?.strip_suffix('`')?.to_owned());
    list.split(", ").map(name).collect::<Option<_>>().unwrap_or_default()
}

/// Adds the names of the test functions in every source file below a folder.
fn collect_tests(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_tests(&path, known);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs_err::read_to_string(path).unwrap();
            let mut is_test = false;
            for line in source.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if is_test && let Some(name) = function(line) {
                    known.insert(name.to_owned());
                    is_test = false;
                }
            }
        }
    }
}

fn function(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start_matches("async ").strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}
