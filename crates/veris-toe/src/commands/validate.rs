//! `veris-toe validate`

use std::io::{self, Write};
use std::process::ExitCode;

use veris_toe::check::{Severity, check};
use veris_toe::pasted_secrets::{self, Mask};
use veris_toe::request::{read_text, refuse_service};

use super::Failure;
use crate::cli::ValidateArguments;

/// Parameters need no values to be checked. Tells everything about every document.
pub(crate) fn run(arguments: &ValidateArguments) -> Result<ExitCode, Failure> {
    refuse_service(arguments.owner.given())?;
    let mut all_valid = true;
    for path in &arguments.documents {
        let name = path.display().to_string();
        let text = read_text(path)?;
        let findings = check(&text, &name);
        let secrets = pasted_secrets::find(&text);
        let mask = Mask::new(&text, &secrets);
        for finding in &findings {
            // The exit code carries the answer where nobody reads the lines.
            let _ = writeln!(io::stderr(), "{}", finding.excerpt(&name, &mask));
        }
        if findings.iter().all(|finding| finding.severity != Severity::Error) {
            let _ = writeln!(io::stdout(), "{name}: valid");
        } else {
            all_valid = false;
        }
    }
    Ok(if all_valid { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
