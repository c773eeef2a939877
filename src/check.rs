//! Everything that is wrong with what a bake reads, found without a cloud and without a guest.
//!
//! [`run`] takes a [`Scope`], finds the files in it ([`collect`]), tells what each of them is ([`kind`]), and has the file of
//! that name look at it. A component is rendered as a bake would render it; its findings point into the template.

mod collect;
mod component;
mod document;
mod env_file;
mod finding;
mod kind;
mod project;
mod sarif;
mod systemd;
mod text;
mod unit;
mod yaml;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tokio::task;

use self::collect::Files;
use self::finding::Findings;
pub use self::finding::{Finding, Report, Severity, Summary};
use self::kind::Kind;
use self::project::Projects;
pub use self::sarif::sarif;
use self::systemd::Systemd;
pub use self::text::Text;
use crate::error::{Failure, internal};
use crate::printer::Printer;

/// A check that takes longer shows that it is under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is checked.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Everything that the recipes of a project bake, or only one of them.
    Project { project: PathBuf, recipe: Option<PathBuf> },
    /// Files and folders. Their project, where it is not given, is the nearest folder upwards that holds recipes/.
    Paths { paths: Vec<PathBuf>, project: Option<PathBuf> },
}

/// Runs the check on a thread of its own, and shows a stage once it has taken a while.
pub async fn watched(scope: Scope, printer: &Printer) -> Result<Report> {
    let mut check = task::spawn_blocking(move || run(&scope));
    let joined = if let Ok(joined) = tokio::time::timeout(PATIENCE, &mut check).await {
        joined
    } else {
        let stage = printer.stage("check");
        let joined = check.await;
        stage.done("");
        joined
    };
    joined.map_err(|error| internal("the check broke off").source(error))?.map_err(Into::into)
}

/// Checks every file of the scope, on a thread where blocking is allowed. Only a scope that cannot be read is an error; what is wrong in the files is a finding.
fn run(scope: &Scope) -> Result<Report, Failure> {
    let mut projects = Projects::of(scope);
    let Files { found, mut skipped, mut notes } = collect::files(scope, &mut projects)?;
    let mut findings = Findings::default();
    let mut systemd = Systemd::default();
    let mut checked = 0;
    for path in &found {
        let project = projects.around(path);
        let file = match project::File::read(path, project.root()) {
            Ok(file) => file,
            Err(finding) => {
                checked += 1;
                findings.add(*finding);
                continue;
            }
        };
        let Some(kind) = kind::of(&file, project) else {
            skipped += 1;
            if collect::is_named(scope, path) {
                notes.push(format!(
                    "`{}` is no recipe, component, unit, .env or configuration, so it was skipped",
                    file.shown
                ));
            }
            continue;
        };
        checked += 1;
        let found = match kind {
            Kind::Recipe => project.recipe_mistakes(&file),
            Kind::Component => component::check(&file, project),
            Kind::Unit => unit::check(&file, project, &mut systemd),
            Kind::EnvFile => env_file::check(&file),
            Kind::Configuration => Vec::new(),
            Kind::Yaml => yaml::check(&file).into_iter().collect(),
        };
        findings.add_all(&file, kind, found);
    }
    match systemd.verify() {
        Ok(verified) => verified.iter().for_each(|(file, found)| findings.add_all(file, Kind::Unit, found.clone())),
        Err(note) => notes.push(note),
    }
    Ok(findings.into_report(checked, skipped, notes))
}
