//! Packages of Python that a test needs, installed once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python that can import `module` of `package`; or why there is none, where `VERIS_REQUIRE_PYTHON` is not set.
pub(crate) fn with(package: &str, module: &str) -> Result<PathBuf, String> {
    let python = installed(package, module).map_err(|reason| format!("`{package}` cannot be installed: {reason}"));
    if std::env::var_os("VERIS_REQUIRE_PYTHON").is_some() { Ok(python.unwrap()) } else { python }
}

fn installed(package: &str, module: &str) -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(module.replace('.', "-"));
    let python = directory.join("bin/python");
    // Several tests want the same package; one installs it, and the others wait.
    let turn = File::create(directory.with_extension("lock")).map_err(|error| error.to_string())?;
    turn.lock().map_err(|error| error.to_string())?;
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
