use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Node<'_> {
    read(text).unwrap_or_else(|_| panic!("{text}")).root
}

fn at(line: usize, column: usize) -> Location {
    Location { line, column }
}

#[test]
fn every_value_knows_where_it_stands() {
    let root = tree("a: 1\nsome:\n  - 'x'\n  - {b: \"y\"}\n");
    let some = &root.entries().unwrap()[1];
    assert_eq!((some.start, some.end), (at(2, 1), at(2, 5)));
    let items = some.value.items().unwrap();
    assert_eq!((items[0].start, items[0].end), (at(3, 5), at(3, 8)));
    assert_eq!(items[1].entry("b").unwrap().value.start, at(4, 9));
}

#[test]
fn a_place_in_a_text_is_a_place_in_the_file() {
    let root = tree("plain: ab cd\nquoted: 'ab cd'\nliteral: |\n\n  ab\n    cd\nindented: |4\n      ab\n");
    let place = |key: &str, word: &str| {
        let node = &root.entry(key).unwrap().value;
        node.place(node.scalar().unwrap().text.find(word).unwrap())
    };
    assert_eq!(place("plain", "cd"), at(1, 11));
    assert_eq!(place("quoted", "cd"), at(2, 13));
    assert_eq!(place("literal", "ab"), at(5, 3));
    assert_eq!(place("literal", "cd"), at(6, 5));
    assert_eq!(place("indented", "ab"), at(8, 7));
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
    assert_eq!(root.entry("list").unwrap().value.items().unwrap()[0].start, at(3, 8));
}

#[test]
fn carriage_returns_and_byte_order_marks_change_nothing() {
    let root = tree("\u{feff}a: |\r\n  x\r\n  y\r\nb: 1\r\n");
    assert_eq!(root.json(), serde_json::json!({"a": "x\ny\n", "b": "1"}));
}

#[test]
fn what_is_given_twice_is_told_with_its_place() {
    let reading = read("a: 1\nb: !custom 2\na: 3\n").unwrap_or_else(|_| panic!());
    let faults: Vec<_> = reading.faults.iter().map(|(at, message)| (at.line, message.as_str())).collect();
    assert_eq!(faults, [(2, "the YAML tag `!custom` has no meaning here"), (3, "the key `a` is given twice")]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r"([-:{}\[\]&*!|>'\x22#%@,? \n\t~<a-z0-9]|é|\PC){0,60}") {
        if let Ok(reading) = read(&text) {
            let _ = reading.root.json();
        }
    }
}
