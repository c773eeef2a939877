//! A template shows the text it was cut from, and rendering it asks for each of its references once.

#![no_main]

use std::convert::Infallible;

use libfuzzer_sys::fuzz_target;
use veris_toe::expression::Template;

fuzz_target!(|text: &str| {
    let template = Template::parse(text);
    assert_eq!(template.to_string(), text);
    let mut asked = 0;
    let rendered = template.render(|_| {
        asked += 1;
        Ok::<_, Infallible>(Some(String::new()))
    });
    assert!(rendered.is_ok_and(|rendered| rendered.len() <= text.len()));
    assert_eq!(asked, template.references().count());
});
