use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Node<'_> {
    read(text).unwrap().root
}

fn at(line: usize, column: usize) -> Location {
    Location { line, column }
}

#[test]
fn every_value_knows_where_it_stands() {
    let root = tree("a: 1\nsome:\n  - 'x'\n  - {b: \"y\"}\n");
    let some = &root.entries().unwrap()[1];
    assert_eq!(some.span, Span::in_line(2, 1..5));
    let items = some.value.items().unwrap();
    assert_eq!(items[0].span, Span::in_line(3, 5..8));
    assert_eq!(items[1].entry("b").unwrap().value.span.start, at(4, 9));
}

#[test]
fn a_place_in_a_text_is_a_place_in_the_file() {
    let root = tree(
        "plain: ab cd\nquoted: 'ab cd'\nliteral: |\n\n  ab\n    cd\nindented: |4\n      ab\n\
         escaped: \"\\tab\"\nanchored: &a |\n  ab\nalias: *a\nlast: |\n  c d",
    );
    let place = |key: &str, word: &str| {
        let node = &root.entry(key).unwrap().value;
        node.place(node.scalar().unwrap().text.find(word).unwrap())
    };
    assert_eq!(place("plain", "cd"), at(1, 11));
    assert_eq!(place("quoted", "cd"), at(2, 13));
    assert_eq!(place("literal", "ab"), at(5, 3));
    assert_eq!(place("literal", "cd"), at(6, 5));
    assert_eq!(place("indented", "ab"), at(8, 7));
    assert_eq!(place("escaped", "b"), at(9, 10), "the column behind an escape cannot be told");
    assert_eq!(place("anchored", "b"), at(10, 11), "the value begins with its anchor");
    assert_eq!(place("alias", "b"), at(12, 8), "an alias stands where it is written");
    assert_eq!(place("last", "d"), at(14, 5));
}

#[test]
fn texts_stay_as_they_were_written() {
    let root = tree("[0755, 1.10, yes, true, ~, 012345678901, 'null']");
    assert_eq!(root.json(), serde_json::json!(["0755", "1.10", "yes", "true", null, "012345678901", "null"]));
}

#[test]
fn merge_keys_and_aliases_are_resolved() {
    let root = tree("base: &base {a: 1, b: 2}\nuse: {<<: *base, b: 3}\nlist: [*base]\n");
    assert_eq!(root.entry("use").unwrap().value.json(), serde_json::json!({"b": "3", "a": "1"}));
    assert_eq!(root.entry("list").unwrap().value.json(), serde_json::json!([{"a": "1", "b": "2"}]));
    assert_eq!(root.entry("list").unwrap().value.items().unwrap()[0].span.start, at(3, 8));
}

#[test]
fn carriage_returns_and_byte_order_marks_change_nothing() {
    let root = tree("\u{feff}a: |\r\n  x\r\n  y\r\nb: 1\r\n");
    assert_eq!(root.json(), serde_json::json!({"a": "x\ny\n", "b": "1"}));
}

#[test]
fn what_is_given_twice_is_told_with_its_place() {
    let reading = read("a: 1\nb: !custom 2\na: 3\nlist:\n  - {}\n  - c: {<<: x}\n    c: 1\n").unwrap();
    let shown =
        |it: &PlacedFault| format!("{}:{} `{}` {}", it.span.start.line, it.span.start.column, it.path, it.fault);
    assert_snapshot!(reading.faults.iter().map(shown).collect::<Vec<_>>().join("\n"), @"
    2:4 `b` the YAML tag `!custom` has no meaning here
    3:1 `` the key `a` is given twice
    6:9 `list[1].c` `<<` takes a map, or a list of maps
    7:5 `list[1]` the key `c` is given twice
    ");
    assert_eq!(reading.faults[1].fault, Fault::RepeatedKey { key: "a".to_owned(), first: at(1, 1) });
    assert_eq!(reading.root.text_under("a"), "1");
}

#[test]
fn a_key_is_given_twice_among_very_many() {
    let keys = (0..40).map(|number| format!("k{number}: 1\n")).collect::<Vec<_>>().concat();
    let text = format!("{keys}k3: 2\nk39: 2\n");
    let reading = read(&text).unwrap();
    let first = |fault: &PlacedFault| match &fault.fault {
        Fault::RepeatedKey { first, .. } => first.line,
        _ => 0,
    };
    assert_eq!(reading.faults.iter().map(first).collect::<Vec<_>>(), [4, 40]);
    assert_eq!(reading.root.entries().unwrap().len(), 40);
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let refused = |text: &str| {
        let error = read(text).unwrap_err();
        format!("{}:{} {error}", error.location().line, error.location().column)
    };
    let level = |n| format!("a{}: &a{} [{}]\n", n + 1, n + 1, format!("*a{n},").repeat(9));
    let bomb = (0..9).map(level).collect::<Vec<_>>().concat();
    let blocks = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<Vec<_>>().concat();
    assert_snapshot!(
        [
            refused("# only a comment\n"),
            refused("a: [1, 2\n"),
            refused("a: 1\n b: 2\n"),
            refused("a: 1\n---\nb: 2\n"),
            refused("[a]: 1\n"),
            refused("a: &x [*x]\n"),
            refused("a: *unknown\n"),
            refused(&format!("a0: &a0 x\n{bomb}")),
            refused(&"[".repeat(1000)),
            refused(&blocks),
        ]
        .join("\n")
    );
}

#[test]
fn any_yaml_is_scanned_and_a_slip_is_found() {
    assert_eq!(scan("a: !Ref b\n---\n? [c, d]\n: e\n"), Ok(()));
    assert_eq!(scan(""), Ok(()));
    assert_eq!(scan("a: 1\n b: 2\n").unwrap_err().location(), at(2, 3));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r"([-:{}\[\]&*!|>'\x22#%@,? \n\t~<a-z0-9]|é|\PC){0,60}") {
        if let Ok(reading) = read(&text) {
            let _ = reading.root.json();
        }
    }
}
