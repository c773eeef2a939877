use proptest::prelude::*;
use serde_json::json;

use super::*;

fn holds(value: &Value) -> bool {
    Condition::parse(value).unwrap().evaluate().unwrap()
}

fn refusal(value: &Value) -> String {
    Condition::parse(value).unwrap_err()
}

#[test]
fn text_is_compared_without_case_but_with_its_spaces() {
    assert!(holds(&json!({"stringIsEmpty": ""})));
    assert!(!holds(&json!({"stringIsEmpty": " "})));
    assert!(holds(&json!({"stringIsWhitespace": "  \t"})));
    assert!(!holds(&json!({"stringIsWhitespace": ""})));
    assert!(holds(&json!({"stringEquals": "Ready", "value": "READY"})));
    assert!(!holds(&json!({"stringEquals": "ready", "value": "ready "})));
    assert!(holds(&json!({"stringEquals": "9000", "value": 9000})));
    assert!(holds(&json!({"stringLessThan": "b", "value": "a"})));
    assert!(holds(&json!({"stringLessThan": "a", "value": "0"})));
    assert!(!holds(&json!({"stringLessThan": "A", "value": "a"})));
    assert!(holds(&json!({"stringLessThanEquals": "A", "value": "a"})));
    assert!(holds(&json!({"stringGreaterThan": "a", "value": "b"})));
    assert!(!holds(&json!({"stringGreaterThanEquals": "a", "value": "0"})));
}

#[test]
fn patterns_are_found_anywhere() {
    assert!(holds(&json!({"patternMatches": "^[a-z]+$", "value": "ThisIsValue"})));
    assert!(holds(&json!({"patternMatches": "v[0-9]+", "value": "chat v12 beta"})));
    assert!(!holds(&json!({"patternMatches": "^v", "value": "chat v12"})));
    assert!(refusal(&json!({"patternMatches": "[", "value": "x"})).starts_with("`[` is no pattern"));
}

#[test]
fn numbers_are_compared_and_other_text_is_none() {
    assert!(holds(&json!({"numberEquals": 1, "value": "1.0"})));
    assert!(holds(&json!({"numberLessThan": 2, "value": 1.9})));
    assert!(holds(&json!({"numberLessThanEquals": 2, "value": "2"})));
    assert!(holds(&json!({"numberGreaterThan": 1, "value": 1.1})));
    assert!(!holds(&json!({"numberGreaterThanEquals": 1, "value": 0.8})));
    for text in ["a10", "", "1.", ".5", "inf", "NaN", "0x10", "1 "] {
        assert!(!holds(&json!({"numberGreaterThanEquals": "-1", "value": text})), "{text}");
    }
}

#[test]
fn files_and_programs_are_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "hello\n").unwrap();
    let exists = |operator: &str, path: &std::path::Path| holds(&json!({operator: path}));
    assert!(exists("fileExists", &file) && !exists("fileExists", folder.path()));
    assert!(exists("folderExists", folder.path()) && !exists("folderExists", &file));
    assert!(holds(&json!({"binaryExists": "bash"})) && holds(&json!({"binaryExists": "cd"})));
    assert!(!holds(&json!({"binaryExists": "no-such-program"})) && !holds(&json!({"binaryExists": "-v"})));
    for (operator, digest) in [
        ("fileMD5Equals", "B1946AC92492D2347C6235B4D2611184"),
        ("fileSHA1Equals", "f572d396fae9206628714fb2ce00f72e94f2258f"),
        ("fileSHA256Equals", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
    ] {
        assert!(holds(&json!({operator: digest, "path": file})), "{operator}");
        assert!(!holds(&json!({operator: "0".repeat(digest.len()), "path": file})), "{operator}");
        assert!(!holds(&json!({operator: digest, "path": "/no/such/file"})), "{operator}");
    }
    assert_eq!(refusal(&json!({"fileSHA512Equals": "ab", "path": "/x"})), "`ab` is no SHA512 checksum");
}

#[test]
fn what_is_no_condition_is_explained() {
    assert_eq!(
        refusal(&json!({"stringEqual": "a", "value": "a"})),
        "there is no operator `stringEqual`; did you mean `stringEquals`?"
    );
    assert_eq!(refusal(&json!({"teleports": "a"})), "there is no operator `teleports`");
    assert_eq!(refusal(&json!({"stringEquals": "a"})), "`stringEquals` needs `value` beside it");
    assert_eq!(refusal(&json!({"stringIsEmpty": "a", "value": "b"})), "`value` has no place beside `stringIsEmpty`");
    assert_eq!(refusal(&json!({"fileExists": ["/x"]})), "`fileExists` takes a text or a number");
    assert_eq!(refusal(&json!({"and": []})), "`and` takes a list of conditions; begin each with `- `");
    assert_eq!(
        refusal(&json!({"not": [{"fileExists": "/x"}, {"fileExists": "/y"}]})),
        "`not` takes one condition, not 2"
    );
    let deep = (0..5).fold(json!({"fileExists": "/x"}), |inner, _| json!({"not": inner}));
    assert_eq!(refusal(&deep), "`not` lies more than 4 levels deep");
    for shapeless in [json!(null), json!("x"), json!([]), json!({})] {
        assert!(refusal(&shapeless).starts_with("a condition is one operator"));
    }
}

#[test]
fn operands_with_references_wait_for_their_values() {
    for open in [
        json!({"patternMatches": "{{ Pattern }}[", "value": "x"}),
        json!({"fileSHA256Equals": "{{ Digest }}", "path": "/x"}),
    ] {
        Condition::parse(&open).unwrap();
    }
}

#[test]
fn it_is_shown_as_yaml() {
    let condition = json!({"and": [{"stringEquals": "a", "value": "\"b\""}, {"not": {"fileExists": "/x"}}]});
    let shown = Condition::parse(&condition).unwrap().to_string();
    assert_eq!(shown, r#"and: [{stringEquals: "a", value: "\"b\""}, {not: {fileExists: "/x"}}]"#);
}

fn any_condition() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|empty| json!({"stringIsEmpty": if empty { "" } else { "x" }})),
        ("[a-cA-C]{0,2}", "[a-cA-C]{0,2}")
            .prop_map(|(baseline, value)| json!({"stringLessThan": baseline, "value": value})),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|conditions| json!({"and": conditions})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|conditions| json!({"or": conditions})),
            inner.prop_map(|condition| json!({"not": condition})),
        ]
    })
}

proptest! {
    #[test]
    fn de_morgan_holds(left in any_condition(), right in any_condition()) {
        let neither = json!({"not": {"or": [left, right]}});
        let both_not = json!({"and": [{"not": left}, {"not": right}]});
        prop_assert_eq!(holds(&neither), holds(&both_not));
    }

    #[test]
    fn exactly_one_order_holds(baseline in r"[a-zA-Zß0-9 ]{0,4}", value in r"[a-zA-Zß0-9 ]{0,4}", left in any::<i32>(), right in any::<i32>()) {
        let is = |operator: &str| holds(&json!({operator: baseline, "value": value}));
        let (less, equal, greater) = (is("stringLessThan"), is("stringEquals"), is("stringGreaterThan"));
        prop_assert_eq!(u8::from(less) + u8::from(equal) + u8::from(greater), 1);
        prop_assert_eq!((less || equal, greater || equal), (is("stringLessThanEquals"), is("stringGreaterThanEquals")));
        let is = |operator: &str| holds(&json!({operator: left, "value": right.to_string()}));
        prop_assert_eq!((is("numberLessThan"), is("numberEquals"), is("numberGreaterThan")), (right < left, right == left, right > left));
    }

    #[test]
    fn nothing_makes_it_panic(operator in "stringEquals|patternMatches|numberLessThan|fileExists|fileMD5Equals|and|not|\\PC{0,9}", baseline in r"\PC{0,20}", value in r"\PC{0,20}", key in "value|path") {
        for operand in [json!(baseline), json!([baseline]), json!({operator.clone(): baseline})] {
            if let Ok(condition) = Condition::parse(&json!({operator.clone(): operand, key.clone(): value})) {
                let _ = (condition.evaluate(), condition.to_string());
            }
        }
    }
}
