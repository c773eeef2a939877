//! What a command works on: project, recipe, environment, clients, printer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::aws::Clients;
use crate::cli::GlobalArgs;
use crate::environment::Environment;
use crate::error::{Failure, user};
use crate::interrupt::Interrupt;
use crate::ledger::Process;
use crate::local;
use crate::printer::Printer;
use crate::recipe::Recipe;

#[derive(Debug)]
pub struct Context {
    /// The directory that holds `recipes/`.
    pub project: PathBuf,
    pub recipe: Recipe,
    pub environment: Environment,
    pub clients: Clients,
    /// Where the journals of bakes are kept.
    pub journals: PathBuf,
    pub printer: Printer,
    pub interrupt: Interrupt,
    /// By which other operators know this run.
    pub process: Process,
    pub pace: Pace,
}

/// How often something is looked at that takes its time.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_millis(300) }
    }
}

impl Context {
    pub async fn load(global: &GlobalArgs, printer: Printer, interrupt: Interrupt) -> Result<Self> {
        let (project, recipe) = recipe(global)?;
        let environment = recipe.environment(&global.environment).map_err(Failure::from)?.clone();
        let clients = Clients::connect(&environment).await?;
        let journals = local::journals(environment.target)?;
        let (process, pace) = (Process::this(), Pace::default());
        Ok(Self { project, recipe, environment, clients, journals, printer, interrupt, process, pace })
    }
}

/// The project and its recipe, read and checked.
pub fn recipe(global: &GlobalArgs) -> Result<(PathBuf, Recipe)> {
    let project = project(global)?;
    let recipe = Recipe::load(&project, &recipe_path(global, &project)?).map_err(Failure::from)?;
    Ok((project, recipe))
}

/// The project: `--project`, or the nearest directory upwards that holds `recipes/`.
pub fn project(global: &GlobalArgs) -> Result<PathBuf> {
    if let Some(project) = &global.project {
        if project.join("recipes").is_dir() {
            return Ok(fs_err::canonicalize(project)?);
        }
        return Err(user(format!("`{}` is no project: it has no directory recipes/", project.display()))
            .hint("pass the directory that holds recipes/, components/ and units/ with `--project`")
            .into());
    }
    let here = std::env::current_dir()?;
    let found = here.ancestors().find(|directory| directory.join("recipes").is_dir());
    found.map(Path::to_owned).ok_or_else(|| {
        user(format!("neither `{}` nor a directory above it holds recipes/", here.display()))
            .hint("change into your project, or name it with `--project DIR`")
            .into()
    })
}

/// The recipe: `--recipe`, or the only file in `recipes/`.
fn recipe_path(global: &GlobalArgs, project: &Path) -> Result<PathBuf> {
    if let Some(recipe) = &global.recipe {
        return Ok(recipe.clone());
    }
    let directory = project.join("recipes");
    let mut recipes = Vec::new();
    for entry in fs_err::read_dir(&directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            recipes.push(path);
        }
    }
    recipes.sort();
    match recipes.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(user(format!("`{}` holds no recipe", directory.display()))
            .hint("a recipe is a file recipes/NAME.yaml; see README.md")
            .into()),
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|path| format!("`{}`", path.strip_prefix(project).unwrap_or(path).display()))
                .collect();
            Err(user(format!("there is more than one recipe: {}", names.join(", ")))
                .hint("choose one with `--recipe FILE`")
                .into())
        }
    }
}
