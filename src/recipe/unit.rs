//! A first look at a systemd unit, before a build instance is paid for. systemd itself verifies it in the `validate` phase.

use veris_toe::suggest::nearest;

const SECTIONS: [&str; 7] = ["Unit", "Install", "Service", "Timer", "Path", "Socket", "Mount"];

/// Something that is wrong with a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitMistake {
    /// Name of the rule that was broken, which never changes.
    pub rule: &'static str,
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    pub problem: String,
    /// What to do.
    pub cure: String,
}

/// Checks the shape of the unit in `text`, and that it starts the program at `starts`, where it must.
pub fn check(text: &str, starts: Option<&str>) -> Vec<UnitMistake> {
    let mut mistakes = Vec::new();
    let mut section = None;
    let mut programs = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        let belongs_to_last = std::mem::replace(&mut goes_on, line.ends_with('\\'));
        if belongs_to_last || line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(found) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            mistakes.extend(unknown_section(number, found));
            section = Some(found);
            continue;
        }
        match line.split_once('=') {
            None => mistakes.push(no_setting(number, line)),
            Some(_) if section.is_none() => mistakes.push(no_section(number, line)),
            Some((key, value)) if section == Some("Service") && key.trim() == "ExecStart" => {
                programs.push((number, program(value)));
            }
            Some(_) => {}
        }
    }
    // Without a program, what was not understood is likely to be where it stands.
    if mistakes.is_empty() || !programs.is_empty() {
        mistakes.extend(starts.and_then(|install_path| other_program(&programs, install_path)));
    }
    mistakes
}

fn unknown_section(number: usize, found: &str) -> Option<UnitMistake> {
    if SECTIONS.contains(&found) || found.starts_with("X-") {
        return None;
    }
    let cure = match nearest(found, SECTIONS) {
        Some(nearest) => format!("did you mean `[{nearest}]`?"),
        None => format!("use one of {}", SECTIONS.map(|section| format!("[{section}]")).join(", ")),
    };
    Some(UnitMistake {
        rule: "unknown-section",
        line: Some(number),
        problem: format!("unknown section `[{found}]`"),
        cure,
    })
}

fn no_setting(number: usize, line: &str) -> UnitMistake {
    UnitMistake {
        rule: "unit-syntax",
        line: Some(number),
        problem: format!("`{line}` is neither a section nor `Key=value`"),
        cure: "correct the line, or start it with `#`".to_owned(),
    }
}

fn no_section(number: usize, line: &str) -> UnitMistake {
    UnitMistake {
        rule: "unit-syntax",
        line: Some(number),
        problem: format!("`{line}` stands before any section"),
        cure: "put `[Unit]` above it".to_owned(),
    }
}

fn other_program(programs: &[(usize, &str)], install_path: &str) -> Option<UnitMistake> {
    let cure = format!("start the program that the recipe installs: `ExecStart={install_path}`");
    match programs.iter().find(|(_, program)| !program.is_empty()) {
        None => {
            let problem = "[Service] has no ExecStart".to_owned();
            Some(UnitMistake { rule: "no-exec-start", line: None, problem, cure })
        }
        Some((_, program)) if *program == install_path => None,
        Some((line, program)) => Some(UnitMistake {
            rule: "other-program",
            line: Some(*line),
            problem: format!("ExecStart runs `{program}`, but the recipe installs `{install_path}`"),
            cure: format!("{cure}, or correct `artifact.install_path`"),
        }),
    }
}

/// The program of a command line, without systemd's prefixes such as `-` and `!`.
fn program(value: &str) -> &str {
    let command = value.trim().trim_start_matches(['-', '+', '!', ':', '|', '@']);
    command.split_whitespace().next().unwrap_or_default().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "[Unit]\nDescription=Chat\n\n[Service]\nExecStart=/opt/chat/chat --config \\\n  /etc/chat.yaml\n";

    #[test]
    fn a_unit_that_starts_the_installed_program_is_accepted() {
        assert_eq!(check(GOOD, Some("/opt/chat/chat")), []);
        assert_eq!(check("[Timer]\nOnBootSec=5\n", None), []);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let refused = |text: &str| {
            let line = |line: Option<usize>| line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let mistakes = check(text, Some("/opt/chat/chat"));
            let told = |it: &UnitMistake| format!("{}{}; {}\n", line(it.line), it.problem, it.cure);
            mistakes.iter().map(told).collect::<Vec<_>>().concat()
        };
        insta::assert_snapshot!([
            refused("[Unit]\nDescription=Chat\n"),
            refused(&GOOD.replace("/opt/chat/chat", "/usr/bin/chat")),
            refused(&GOOD.replace("[Service]", "[Sevice]")),
            refused("Description=Chat\n[Service]\nExecStart /opt/chat/chat\n[Swap]\n"),
        ]
        .join("\n"), @r#"
        [Service] has no ExecStart; start the program that the recipe installs: `ExecStart=/opt/chat/chat`

        line 5: ExecStart runs `/usr/bin/chat`, but the recipe installs `/opt/chat/chat`; start the program that the recipe installs: `ExecStart=/opt/chat/chat`, or correct `artifact.install_path`

        line 4: unknown section `[Sevice]`; did you mean `[Service]`?

        line 1: `Description=Chat` stands before any section; put `[Unit]` above it
        line 3: `ExecStart /opt/chat/chat` is neither a section nor `Key=value`; correct the line, or start it with `#`
        line 4: unknown section `[Swap]`; use one of [Unit], [Install], [Service], [Timer], [Path], [Socket], [Mount]
        "#);
    }
}
