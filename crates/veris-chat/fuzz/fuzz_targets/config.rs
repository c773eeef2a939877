//! A configuration is read, or refused with the file or the setting that is wrong.

#![no_main]

use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use tempfile::TempDir;
use veris_chat::Settings;

thread_local! {
    static DIRECTORY: TempDir = tempfile::tempdir().expect("a folder can be made");
}

fuzz_target!(|text: &str| -> Corpus {
    // It could name any file of the machine.
    if text.contains("release_file") {
        return Corpus::Reject;
    }
    DIRECTORY.with(|directory| load(&directory.path().join("config.yaml"), text));
    Corpus::Keep
});

fn load(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the file can be written");
    if let Err(error) = Settings::load(Some(path), |_| None) {
        let message = error.to_string();
        assert!(message.contains("configuration file"), "{message}");
    }
}
