//! Carries one connection of a guest to the control plane, as `veris local pipe` does: for the tests of this package.

use std::path::Path;

use local_cloud::Channel;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| {
        let found = arguments.iter().position(|argument| argument == flag);
        found.and_then(|at| arguments.get(at + 1)).map(String::as_str).unwrap_or_default()
    };
    let Some(channel) = Channel::named(value("--channel")) else {
        return Err(std::io::Error::other("usage: pipe --socket S --instance I --channel metadata|endpoint"));
    };
    local_cloud::pipe(Path::new(value("--socket")), value("--instance"), channel)
}
