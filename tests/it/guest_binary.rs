//! Compiling for the guest, with the real cargo on a package without dependencies.

use veris::guest_binary;

use crate::support::{Project, shown};

fn package(main: &str) -> Project {
    let project = Project::new();
    let manifest = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
    project.write("Cargo.toml", manifest);
    project.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\n");
    project.write("src/main.rs", main);
    project
}

#[tokio::test]
async fn a_binary_is_compiled_without_this_machines_paths_in_it() {
    let project = package("fn main() { panic!(\"at {}\", file!()) }\n");
    let mut said = Vec::new();
    let binary = guest_binary::compile(project.path(), "hello", &mut |line| said.push(line.to_owned())).await.unwrap();
    assert_eq!(said.last().map(String::as_str), Some("Compiling hello v0.1.0"));
    let bytes = fs_err::read(binary).unwrap();
    let place = project.path().to_string_lossy().into_owned();
    assert!(!bytes.windows(place.len()).any(|window| window == place.as_bytes()), "the binary holds {place}");
    // Nothing to do is a result too.
    guest_binary::compile(project.path(), "hello", &mut |_| {}).await.unwrap();
}

#[tokio::test]
async fn the_compilers_own_words_are_shown() {
    let project = package("fn main() { let count: u32 = \"many\"; }\n");
    let error = shown(guest_binary::compile(project.path(), "hello", &mut |_| {}).await.unwrap_err());
    assert!(error.contains("failed to compile `hello`:\n  error[E0308]: mismatched types"), "{error}");
    assert!(error.contains("src/main.rs:1:"), "{error}");
    let error = shown(guest_binary::compile(project.path(), "absent", &mut |_| {}).await.unwrap_err());
    assert!(error.contains("error: package ID specification `absent` did not match any packages"), "{error}");
}
