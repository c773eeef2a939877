//! `UpdateOS`: the machine's own package manager, without questions.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use serde::Deserialize;

use super::setting::Setting;
use super::{ActionError, Module, Outputs, StepContext, wildcard};
use crate::process;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateOs {
    #[serde(default)]
    include: Vec<Setting<Package>>,
    #[serde(default)]
    exclude: Vec<Setting<Package>>,
}

/// The name of a package, or a pattern with `*`.
#[derive(Debug, Clone)]
struct Package(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no package; write its name, in which `*` stands for any text")]
struct NoPackage(String);

#[derive(Clone, Copy)]
enum Manager {
    Dnf,
    Yum,
    Apt,
}

/// In the order in which they are looked for: where there is `dnf`, `yum` is another name of it.
const MANAGERS: [Manager; 3] = [Manager::Dnf, Manager::Yum, Manager::Apt];

impl Module for UpdateOs {
    /// Nothing to update is a success. A reboot is left to the document.
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let names = |packages: &[Setting<Package>]| {
            packages.iter().map(|package| package.get().map(|package| package.0)).collect::<Result<Vec<String>, _>>()
        };
        let exclude = names(&self.exclude)?;
        let mut include = names(&self.include)?;
        include.retain(|name| !exclude.iter().any(|pattern| wildcard::matches(pattern, name)));
        if include.is_empty() && !self.include.is_empty() {
            step.voice.line("every package of `include` is in `exclude`; there is nothing to update");
            return Ok(Outputs::new());
        }
        let manager = MANAGERS.into_iter().find(|manager| is_on_path(manager.program()));
        let manager = manager.ok_or(ActionError::NoPackageManager)?;
        for command in manager.commands(&include, &exclude, step)? {
            run(manager.program(), &command, step)?;
        }
        Ok(Outputs::new())
    }
}

impl Manager {
    fn program(self) -> &'static str {
        match self {
            Self::Dnf => "dnf",
            Self::Yum => "yum",
            Self::Apt => "apt-get",
        }
    }

    /// The arguments of each call. Without `include` everything is updated.
    fn commands(
        self,
        include: &[String],
        exclude: &[String],
        step: &StepContext<'_>,
    ) -> Result<Vec<Vec<String>>, ActionError> {
        let verb = match self {
            Self::Dnf => "upgrade",
            Self::Yum => "update",
            Self::Apt => return apt(include, exclude, step),
        };
        let mut arguments = vec!["-y".to_owned()];
        arguments.extend(exclude.iter().map(|pattern| format!("--exclude={pattern}")));
        arguments.push(verb.to_owned());
        arguments.extend_from_slice(include);
        Ok(vec![arguments])
    }
}

/// `apt-get` has no option that excludes; what it has is preferences, of which the machine's own stay in force.
fn apt(include: &[String], exclude: &[String], step: &StepContext<'_>) -> Result<Vec<Vec<String>>, ActionError> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    // Images of a cloud update themselves right after their first boot, and hold the lock while they do.
    let mut common = words(&["-y", "-o", "DPkg::Lock::Timeout=600"]);
    let index = [common.clone(), words(&["update"])].concat();
    // Files the machine's owner changed stay as they are.
    common.extend(words(&["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]));
    if !exclude.is_empty() {
        let preferences = step.scratch.join("preferences");
        let own = fs::read_to_string("/etc/apt/preferences").unwrap_or_default();
        let pins = exclude.iter().map(|name| format!("\nPackage: {name}\nPin: release *\nPin-Priority: -1\n"));
        let text = own + &pins.collect::<String>();
        fs::write(&preferences, text).map_err(ActionError::file("write", &preferences))?;
        common.extend(["-o".to_owned(), format!("Dir::Etc::Preferences={}", preferences.display())]);
    }
    let update = if include.is_empty() {
        words(&["--with-new-pkgs", "upgrade"])
    } else {
        [words(&["--only-upgrade", "install"]), include.to_vec()].concat()
    };
    Ok(vec![index, [common, update].concat()])
}

fn run(program: &str, arguments: &[String], step: &StepContext<'_>) -> Result<(), ActionError> {
    step.voice.line(&format!("{program} {}", arguments.join(" ")));
    let mut command = Command::new(program);
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    process::run(command, program, step)?;
    Ok(())
}

fn is_on_path(program: &str) -> bool {
    let is_program =
        |path: &Path| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| is_program(&folder.join(program))))
}

impl FromStr for Package {
    type Err = NoPackage;

    /// A name must not be read as an option.
    fn from_str(text: &str) -> Result<Self, NoPackage> {
        let is_name = |byte: u8| byte.is_ascii_graphic() && !b"\"'`$\\,;|&<>".contains(&byte);
        if text.is_empty() || text.starts_with('-') || !text.bytes().all(is_name) {
            return Err(NoPackage(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}
