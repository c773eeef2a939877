use std::path::Path;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<EnvFile, EnvFileError> {
    EnvFile::parse(text, Path::new(".env"))
}

fn refusal(text: &str) -> String {
    format!("{:#}", anyhow::Error::from(parse(text).unwrap_err()))
}

#[test]
fn a_file_as_people_write_it() {
    let text = "# Qdrant\r\nQDRANT_URL=\"https://qdrant.example:6333\"\r\n\n  QDRANT_API_KEY = 'a=b c'  \nAWS_ACCESS_KEY_ID=\nDOLLAR=$HOME\\n\n";
    insta::assert_snapshot!(parse(text).unwrap().render(), @r"
    AWS_ACCESS_KEY_ID=
    DOLLAR=$HOME\n
    QDRANT_API_KEY=a=b c
    QDRANT_URL=https://qdrant.example:6333
    ");
}

#[test]
fn every_refusal_names_file_line_and_cure_and_no_value() {
    insta::assert_snapshot!(refusal("A=1\nKEY=-----BEGIN KEY-----\nhunter2\n"), @"`.env`, line 3: not of the form NAME=VALUE; a value cannot go on in the next line, put it in one line (PEM text as base64)");
    insta::assert_snapshot!(refusal("A=\"hunter2\nhunter2=\"\n"), @"`.env`, line 1: the value of `A` begins with a quote that is not closed; a value cannot go on in the next line, and a quote that belongs to it needs the whole value in quotes of the other kind");
    insta::assert_snapshot!(refusal("hunter 2=x"), @"`.env`, line 1: the part before `=` is no name of a variable: letters, digits and `_`, not beginning with a digit");
    insta::assert_snapshot!(refusal("export A=hunter2"), @"`.env`, line 1: `export` does not belong here; the line begins with the variable's name");
    insta::assert_snapshot!(refusal("A=hunter2\0"), @"`.env`, line 1: the value of `A` contains a NUL byte; a value is one line of printable text");
    insta::assert_snapshot!(refusal("A=hunter2\rB=3"), @"`.env`, line 1: the value of `A` contains a line break; a value is one line of printable text");
    insta::assert_snapshot!(refusal("A=1\nA=2\n"), @"`.env`, line 2: `A` is already set in line 1; remove one of them");
    insta::assert_snapshot!(refusal("AWS_SECRET_ACCESS_KEY=hunter2"), @"`.env`, line 1: `AWS_SECRET_ACCESS_KEY` must not be set: the service gets its credentials from the instance profile; remove the line, or leave the value empty");
}

#[test]
fn the_file_overrides_the_environment_of_the_recipe() {
    let defaults =
        BTreeMap::from([("AWS_REGION".to_owned(), "us-east-1".to_owned()), ("B".to_owned(), "2".to_owned())]);
    let merged = parse("AWS_REGION=us-west-2\n").unwrap().over(&defaults).unwrap();
    assert_eq!(merged.render(), "AWS_REGION=us-west-2\nB=2\n");
}

#[test]
fn a_bad_value_in_the_recipe_is_refused_too() {
    let defaults = BTreeMap::from([("KEY".to_owned(), "hunter2\nhunter2".to_owned())]);
    let error = format!("{:#}", anyhow::Error::from(EnvFile::default().over(&defaults).unwrap_err()));
    insta::assert_snapshot!(error, @"environment variable `KEY` of the recipe: the value of `KEY` contains a line break; a value is one line of printable text");
}

#[test]
fn debug_shows_names_only() {
    assert_eq!(format!("{:?}", parse("API_KEY=hunter2").unwrap()), "[\"API_KEY\"]");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_line_of_the_file(text in any::<String>()) {
        match parse(&text) {
            Err(EnvFileError::Line { line, .. } | EnvFileError::Duplicate { line, .. }) => {
                prop_assert!((1..=text.split('\n').count()).contains(&line));
            }
            Err(other) => prop_assert!(false, "{other}"),
            Ok(_) => {}
        }
    }

    #[test]
    fn what_is_written_is_read_back(variables in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,9}", "\\PC{0,30}", 0..6)) {
        prop_assume!(variables.iter().all(|(name, value)| line::check(name, value).is_ok()));
        let file = EnvFile { variables };
        prop_assert_eq!(parse(&file.render()).unwrap(), file);
    }

    #[test]
    fn one_more_line_never_hides_in_a_value(value in any::<String>()) {
        if let Ok(file) = parse(&format!("A={value}")) {
            prop_assert!(file.render().lines().count() <= 1 + value.matches('\n').count());
        }
    }
}
