//! Packages of Python that a test needs, installed once.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python that can import `module` of `package`; nothing, with the reason printed, where it cannot be installed and
/// `VERIS_REQUIRE_PYTHON` is not set.
pub(crate) fn with(package: &str, module: &str) -> Option<PathBuf> {
    match installed(package, module) {
        Ok(python) => Some(python),
        Err(reason) if std::env::var_os("VERIS_REQUIRE_PYTHON").is_none() => {
            eprintln!("skipped: the package `{package}` cannot be installed: {reason}");
            None
        }
        Err(reason) => panic!("the package `{package}` cannot be installed: {reason}"),
    }
}

fn installed(package: &str, module: &str) -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(module.replace('.', "-"));
    let python = directory.join("bin/python");
    let import = format!("import {module}");
    if Command::new(&python).args(["-c", &import]).output().is_ok_and(|output| output.status.success()) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}
