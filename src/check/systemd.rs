//! What systemd itself says about the units, where this machine has `systemd-analyze`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::time::timeout;
use veris_toe::suggest::nearest;
use veris_toe::yaml::Span;

use super::finding::{Finding, Severity};
use super::project::File;

/// Verifying takes a fraction of a second; the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(30);
/// systemd of Amazon Linux 2023. An older one would not know all that the image knows.
const IMAGE_VERSION: u32 = 252;
/// Settings that begin with the path of a program, which is in the image and not here.
const PROGRAMS: [&str; 7] =
    ["ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition", "ExecReload", "ExecStop", "ExecStopPost"];
/// The settings that a service of ours is most likely to mean.
const SETTINGS: [&str; 46] = [
    "After",
    "Before",
    "BindsTo",
    "CapabilityBoundingSet",
    "ConditionPathExists",
    "Conflicts",
    "Description",
    "Documentation",
    "DynamicUser",
    "Environment",
    "EnvironmentFile",
    "ExecReload",
    "ExecStart",
    "ExecStartPost",
    "ExecStartPre",
    "ExecStop",
    "Group",
    "KillMode",
    "LimitNOFILE",
    "ListenStream",
    "LoadCredential",
    "NoNewPrivileges",
    "OnBootSec",
    "OnCalendar",
    "OnFailure",
    "PartOf",
    "PrivateDevices",
    "PrivateTmp",
    "ProtectHome",
    "ProtectSystem",
    "RemainAfterExit",
    "Requires",
    "Restart",
    "RestartSec",
    "RuntimeDirectory",
    "SetCredential",
    "StandardOutput",
    "StartLimitIntervalSec",
    "StateDirectory",
    "SystemCallFilter",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
    "User",
    "WantedBy",
    "WorkingDirectory",
];

/// The units that wait to be verified together: one process costs more than all of them.
#[derive(Debug, Default)]
pub(super) struct Systemd {
    units: Vec<File>,
}

impl Systemd {
    pub(super) fn add(&mut self, unit: &File) {
        self.units.push(unit.clone());
    }

    /// What is wrong with each unit, or why nothing can be said.
    pub(super) fn verify(self) -> Result<Vec<(File, Vec<Finding>)>, String> {
        let mut found = Vec::new();
        let mut waiting = self.units;
        while !waiting.is_empty() {
            // Two units of one name would be one unit to systemd.
            let mut names = BTreeSet::new();
            let (now, later): (Vec<File>, Vec<File>) = waiting.into_iter().partition(|unit| names.insert(unit.name()));
            found.extend(together(now).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    "systemd-analyze is not on this machine, so only the form of the units was checked".to_owned()
                }
                _ => format!("systemd-analyze failed, so only the form of the units was checked: {error}"),
            })?);
            waiting = later;
        }
        Ok(found)
    }
}

fn together(units: Vec<File>) -> io::Result<Vec<(File, Vec<Finding>)>> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("program");
    std::os::unix::fs::symlink("/bin/sh", &program)?;
    let mut arguments = vec!["verify".to_owned(), "--man=no".to_owned()];
    for unit in &units {
        let path = folder.path().join(unit.name());
        fs_err::write(&path, with_stand_in(&unit.text, &program.to_string_lossy()))?;
        arguments.push(path.to_string_lossy().into_owned());
    }
    let output = run(&arguments)?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let severity = if words.is_empty() || version()? >= IMAGE_VERSION { Severity::Error } else { Severity::Warning };
    let findings = |unit: &File| -> Vec<Finding> {
        words.lines().filter_map(|line| finding(unit, folder.path(), line)).map(|it| it.at_most(severity)).collect()
    };
    Ok(units.into_iter().map(|unit| (unit.clone(), findings(&unit))).collect())
}

/// Runs on a thread of its own, beside the runtime's.
fn run(arguments: &[String]) -> io::Result<Output> {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).env("LC_ALL", "C").env("SYSTEMD_COLORS", "0").stdin(Stdio::null()).kill_on_drop(true);
    let output = Handle::current().block_on(async { timeout(DEADLINE, command.output()).await });
    output.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", DEADLINE.as_secs())))
    })
}

/// The number in `systemd 252 (252.38-1)`.
fn version() -> io::Result<u32> {
    let output = run(&["--version".to_owned()])?;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(words.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or_default())
}

/// The unit with programs that exist here, line by line what it was.
fn with_stand_in(text: &str, program: &str) -> String {
    let line = |line: &str| {
        let Some((key, value)) = line.split_once('=').filter(|(key, _)| PROGRAMS.contains(&key.trim())) else {
            return line.to_owned();
        };
        let command = value.trim_start().trim_start_matches(['-', '+', '!', ':', '|', '@']);
        let found = command.split_whitespace().next().unwrap_or_default();
        if found.is_empty() || found == "\\" {
            return line.to_owned();
        }
        let before = &line[..line.len() - command.len()];
        format!("{before}{program}{}", &line[key.len() + 1 + value.len() - command.len() + found.len()..])
    };
    text.split_inclusive('\n').map(line).collect()
}

/// `FOLDER/UNIT:LINE: words` about a line, `UNIT: words. Refusing.` about the whole. The rest is about this machine.
fn finding(unit: &File, folder: &Path, words: &str) -> Option<Finding> {
    let name = unit.name();
    let at_line = words.strip_prefix(&format!("{}:", folder.join(&name).display()));
    let Some((line, problem)) = at_line.and_then(|rest| rest.split_once(": ")) else {
        let problem = words.strip_prefix(&format!("{name}: "))?.strip_suffix(" Refusing.")?;
        let problem = problem.trim_end_matches('.');
        return Some(Finding::error(&unit.shown, "systemd", None, problem).cure("add or correct the setting"));
    };
    let line = line.parse().ok()?;
    let source = unit.text.lines().nth(line - 1).unwrap_or_default();
    let column = source.chars().take_while(|c| c.is_whitespace()).count() + 1;
    let end = source.trim_end().chars().count() + 1;
    let is_old = ["deprecated", "obsolete", "no longer", "removed", "Support for option"]
        .iter()
        .any(|word| problem.contains(word));
    let severity = if is_old { Severity::Warning } else { Severity::Error };
    // Our own look at the form has said this already, and better.
    if ["Unknown section", "Assignment outside of section", "Missing '='"]
        .iter()
        .any(|known| problem.starts_with(known))
    {
        return None;
    }
    let unknown = problem.strip_prefix("Unknown key ").and_then(|rest| rest.split('\'').nth(1));
    let cure = match unknown.and_then(|key| nearest(key, SETTINGS)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "`man systemd.directives` names the page of every setting".to_owned(),
    };
    let rule = if unknown.is_some() { "unknown-setting" } else { "systemd" };
    let problem = problem.trim_end_matches('.').replace(", ignoring", "");
    Some(
        Finding::error(&unit.shown, rule, Some(Span::in_line(line, column..end.max(column))), problem)
            .cure(cure)
            .severity(severity),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_the_image_are_stood_in_for_and_nothing_else_changes() {
        let unit = "[Service]\nExecStart=-@/opt/chat/chat chat --config \\\n  /etc/x\nExecStartPre = \"/bin/prepare\" a\nExecStop=\nUser=chat";
        insta::assert_snapshot!(with_stand_in(unit, "/tmp/program"), @r#"
        [Service]
        ExecStart=-@/tmp/program chat --config \
          /etc/x
        ExecStartPre = /tmp/program a
        ExecStop=
        User=chat
        "#);
    }
}
