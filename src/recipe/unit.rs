//! A first look at a systemd unit, before a build instance is paid for. systemd itself verifies it in the `validate` phase.

/// What is wrong with a unit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}{problem}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct UnitError {
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    problem: String,
    /// What to do.
    pub cure: String,
}

impl UnitError {
    fn at(line: usize, problem: String, cure: impl Into<String>) -> Self {
        Self { line: Some(line), problem, cure: cure.into() }
    }

    fn whole(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { line: None, problem: problem.into(), cure: cure.into() }
    }
}

/// Checks the shape of the unit in `text`, and that it starts the program at `starts`, where it must.
pub fn check(text: &str, starts: Option<&str>) -> Result<(), UnitError> {
    const SECTIONS: [&str; 7] = ["Unit", "Install", "Service", "Timer", "Path", "Socket", "Mount"];
    let mut section = None;
    let mut programs = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        let belongs_to_last = std::mem::replace(&mut goes_on, line.ends_with('\\'));
        if belongs_to_last || line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(found) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if !SECTIONS.contains(&found) && !found.starts_with("X-") {
                let known = SECTIONS.map(|section| format!("[{section}]")).join(", ");
                return Err(UnitError::at(
                    number,
                    format!("unknown section `[{found}]`"),
                    format!("use one of {known}"),
                ));
            }
            section = Some(found);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            let problem = format!("`{line}` is neither a section nor `Key=value`");
            return Err(UnitError::at(number, problem, "correct the line, or start it with `#`"));
        };
        match section {
            None => {
                return Err(UnitError::at(
                    number,
                    format!("`{line}` stands before any section"),
                    "put `[Unit]` above it",
                ));
            }
            Some("Service") if key.trim() == "ExecStart" => programs.push((number, program(value))),
            Some(_) => {}
        }
    }
    starts.map_or(Ok(()), |install_path| check_programs(&programs, install_path))
}

fn check_programs(programs: &[(usize, &str)], install_path: &str) -> Result<(), UnitError> {
    let cure = format!("start the program that the recipe installs: `ExecStart={install_path}`");
    match programs.iter().find(|(_, program)| !program.is_empty()) {
        None => Err(UnitError::whole("[Service] has no ExecStart", cure)),
        Some((_, program)) if *program == install_path => Ok(()),
        Some((line, program)) => {
            let problem = format!("ExecStart runs `{program}`, but the recipe installs `{install_path}`");
            Err(UnitError::at(*line, problem, format!("{cure}, or correct `artifact.install_path`")))
        }
    }
}

/// The program of a command line, without systemd's prefixes such as `-` and `!`.
fn program(value: &str) -> &str {
    let command = value.trim().trim_start_matches(['-', '+', '!', ':', '|']);
    command.split_whitespace().next().unwrap_or_default().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "[Unit]\nDescription=Chat\n\n[Service]\nExecStart=/opt/chat/chat --config \\\n  /etc/chat.yaml\n";

    #[test]
    fn a_unit_that_starts_the_installed_program_is_accepted() {
        check(GOOD, Some("/opt/chat/chat")).unwrap();
        check("[Timer]\nOnBootSec=5\n", None).unwrap();
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        let refused = |text: &str| {
            let error = check(text, Some("/opt/chat/chat")).unwrap_err();
            format!("{error}; {}", error.cure)
        };
        insta::assert_snapshot!([
            refused("[Unit]\nDescription=Chat\n"),
            refused(&GOOD.replace("/opt/chat/chat", "/usr/bin/chat")),
            refused(&GOOD.replace("[Service]", "[Sevice]")),
            refused("Description=Chat\n"),
            refused("[Service]\nExecStart /opt/chat/chat\n"),
        ]
        .join("\n"), @"
        [Service] has no ExecStart; start the program that the recipe installs: `ExecStart=/opt/chat/chat`
        line 5: ExecStart runs `/usr/bin/chat`, but the recipe installs `/opt/chat/chat`; start the program that the recipe installs: `ExecStart=/opt/chat/chat`, or correct `artifact.install_path`
        line 4: unknown section `[Sevice]`; use one of [Unit], [Install], [Service], [Timer], [Path], [Socket], [Mount]
        line 1: `Description=Chat` stands before any section; put `[Unit]` above it
        line 2: `ExecStart /opt/chat/chat` is neither a section nor `Key=value`; correct the line, or start it with `#`
        ");
    }
}
