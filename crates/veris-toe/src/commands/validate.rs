//! `veris-toe validate`

use std::io::{self, Write};
use std::process::ExitCode;

use veris_toe::document;
use veris_toe::request::{read_text, refuse_service};

use super::Failure;
use crate::cli::ValidateArguments;

/// Parameters need no values to be checked.
pub(crate) fn run(arguments: &ValidateArguments) -> Result<ExitCode, Failure> {
    refuse_service(arguments.owner.given())?;
    for path in &arguments.documents {
        let name = path.display().to_string();
        document::parse(&read_text(path)?, &name).map_err(veris_toe::request::RequestError::from)?;
        // The exit code carries the answer where nobody reads the line.
        let _ = writeln!(io::stdout(), "{name}: valid");
    }
    Ok(ExitCode::SUCCESS)
}
