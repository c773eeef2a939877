//! The projects that the files belong to, and what their recipes say about them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use veris_toe::yaml::Span;

use super::Scope;
use super::finding::Finding;
use crate::recipe::{self, At, Draft, Mistake};

/// A file that is checked.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// The path without links, by which recipes name it.
    real: PathBuf,
    /// The path as findings show it.
    pub(super) shown: String,
    pub(super) text: String,
}

/// Every project that was met, by its root.
#[derive(Debug)]
pub(super) struct Projects {
    given: Option<PathBuf>,
    /// The only recipe that counts.
    recipe: Option<PathBuf>,
    known: BTreeMap<PathBuf, Project>,
}

/// A folder that holds `recipes/`, and those. Without such a folder it is empty.
#[derive(Debug, Default)]
pub(super) struct Project {
    root: PathBuf,
    recipes: Vec<ReadRecipe>,
}

#[derive(Debug)]
pub(super) struct ReadRecipe {
    path: PathBuf,
    real: PathBuf,
    pub(super) draft: Draft,
    mistakes: Vec<Mistake>,
    /// The files that it names and that exist.
    units: BTreeSet<PathBuf>,
    components: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl File {
    /// Reads a file. One that cannot be read is a finding.
    pub(super) fn read(path: &Path, project: &Path) -> Result<Self, Box<Finding>> {
        let here = std::env::current_dir().unwrap_or_default();
        let shown = path.strip_prefix(&here).or(path.strip_prefix(project)).unwrap_or(path);
        let shown = shown.strip_prefix(".").unwrap_or(shown).display().to_string();
        let bytes = fs_err::read(path).map_err(|error| {
            let message = format!("the file cannot be read: {}", error.kind());
            Box::new(Finding::error(&shown, "unreadable", None, message).cure("check that you may read it"))
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => {
                let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
                Ok(Self { path: path.to_owned(), real, shown, text })
            }
            Err(error) => {
                let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
                let (line, column) =
                    (good.lines().count().max(1), good.lines().last().map_or(1, |line| line.chars().count() + 1));
                let span = Span::point(line, column);
                let message = "the file is not UTF-8 text from here on";
                Err(Box::new(Finding::error(&shown, "unreadable", Some(span), message).cure("save it as UTF-8")))
            }
        }
    }
}

impl File {
    /// The last part of the path.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Projects {
    pub(super) fn of(scope: &Scope) -> Self {
        let (given, recipe) = match scope {
            Scope::Project { project, recipe } => (Some(project.clone()), recipe.clone()),
            Scope::Paths { project, .. } => (project.clone(), None),
        };
        Self { given, recipe, known: BTreeMap::new() }
    }

    /// The project of a file.
    pub(super) fn around(&mut self, path: &Path) -> &Project {
        let root = self.given.clone().unwrap_or_else(|| root_of(path).unwrap_or_default());
        let recipe = self.recipe.as_deref();
        self.known.entry(root).or_insert_with_key(|root| Project::read(root, recipe))
    }
}

/// The nearest folder upwards that holds `recipes/`.
fn root_of(path: &Path) -> Option<PathBuf> {
    let path = fs_err::canonicalize(path).ok()?;
    path.ancestors().skip(1).find(|folder| folder.join("recipes").is_dir()).map(Path::to_owned)
}

impl Project {
    /// Reads every recipe of the project, or the given one. Recipes that cannot be read are met again as files.
    fn read(root: &Path, only: Option<&Path>) -> Self {
        if root.as_os_str().is_empty() {
            return Self::default();
        }
        let paths = only.map_or_else(|| recipe_files(root), |recipe| vec![recipe.to_owned()]);
        let recipes = paths.into_iter().filter_map(|path| ReadRecipe::read(root, path)).collect();
        Self { root: root.to_owned(), recipes }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The recipes and every file that they name. Those that are missing are mistakes of the recipe.
    pub(super) fn baked(&self) -> impl Iterator<Item = PathBuf> {
        let named = |recipe: &ReadRecipe| {
            let lists = [&recipe.units, &recipe.components, &recipe.files];
            let named: Vec<PathBuf> = lists.into_iter().flatten().cloned().collect();
            named.into_iter().chain([recipe.path.clone()])
        };
        self.recipes.iter().flat_map(named)
    }

    pub(super) fn holds_recipe(&self, file: &File) -> bool {
        self.recipes.iter().any(|recipe| recipe.real == file.real)
    }

    pub(super) fn names_component(&self, file: &File) -> bool {
        self.recipes_of(file).next().is_some()
    }

    pub(super) fn names_file(&self, file: &File) -> bool {
        self.recipes.iter().any(|recipe| recipe.files.contains(&file.real))
    }

    /// The recipes that bake the component.
    pub(super) fn recipes_of(&self, component: &File) -> impl Iterator<Item = &ReadRecipe> {
        self.recipes.iter().filter(|recipe| recipe.components.contains(&component.real))
    }

    /// What the unit must start, where it is the one that a service is named after.
    pub(super) fn program_of(&self, unit: &File) -> Option<&str> {
        let name = unit.path.file_name()?.to_str()?;
        let is_main =
            |draft: &Draft| draft.service.as_ref().is_some_and(|service| name == format!("{service}.service"));
        let recipe = self.recipes.iter().find(|recipe| recipe.units.contains(&unit.real) && is_main(&recipe.draft))?;
        recipe.draft.install_path.as_ref().map(|path| path.value.as_str())
    }

    pub(super) fn recipe_mistakes(&self, file: &File) -> Vec<Finding> {
        let known = self.recipes.iter().find(|recipe| recipe.real == file.real);
        let mistakes = match known {
            Some(recipe) => recipe.mistakes.clone(),
            None => recipe::read(&self.root, &file.text).1,
        };
        let finding = |it: Mistake| {
            let key = if it.key.is_empty() { String::new() } else { format!("{}: ", it.key) };
            Finding::error(&file.shown, it.rule, Some(it.span), format!("{key}{}", it.problem)).cure(it.cure)
        };
        mistakes.into_iter().map(finding).collect()
    }
}

impl ReadRecipe {
    fn read(root: &Path, path: PathBuf) -> Option<Self> {
        let (draft, mistakes) = recipe::read(root, &fs_err::read_to_string(&path).ok()?);
        let real = path.canonicalize().ok()?;
        let found = |paths: &mut dyn Iterator<Item = &At<PathBuf>>| {
            paths.filter_map(|path| root.join(&path.value).canonicalize().ok()).collect()
        };
        let units = found(&mut draft.units.iter());
        let components = found(&mut draft.components.iter());
        let files = found(&mut draft.files.iter().filter_map(|file| file.source.as_ref()));
        Some(Self { path, real, draft, mistakes, units, components, files })
    }
}

fn recipe_files(root: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(root.join("recipes")).into_iter().flatten().filter_map(Result::ok);
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_yaml).collect();
    paths.sort();
    paths
}
