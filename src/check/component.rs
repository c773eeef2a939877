//! A component: rendered as each of its recipes would render it, and checked as a document.

use std::path::Path;

use veris_toe::yaml::Span;

use super::document::{self, DocumentFinding};
use super::finding::{Finding, Severity};
use super::project::{File, Project, ReadRecipe};
use crate::component;
use crate::digest::Sha256Digest;
use crate::manifest::Manifest;
use crate::recipe::Draft;
use crate::template::{self, Checked, Variables};

pub(super) fn check(file: &File, project: &Project) -> Vec<Finding> {
    let recipes: Vec<&ReadRecipe> = project.recipes_of(file).collect();
    if recipes.is_empty() {
        // Nobody bakes it yet: its own name and parameters are nobody's business either.
        let is_template = ["<{", "<%", "<#"].iter().any(|tag| file.text.contains(tag));
        if is_template {
            return rendered(file, &stand_ins(&Draft::default()));
        }
        return documented(file, &file.text, &|line, column| Some((line, column)));
    }
    recipes.into_iter().flat_map(|recipe| rendered(file, &stand_ins(&recipe.draft))).collect()
}

/// What is wrong with the template, and with the document that comes out of it.
fn rendered(file: &File, variables: &Variables) -> Vec<Finding> {
    let Checked { mistakes, rendered, lines } = template::check(&file.shown, &file.text, variables);
    let mut findings: Vec<Finding> = mistakes
        .into_iter()
        .map(|it| Finding::error(&file.shown, it.rule, it.span, it.problem).cure(it.cure))
        .collect();
    let Some(text) = rendered else { return findings };
    // A value that is not defined makes no more than one finding of its line.
    let spoilt: Vec<Option<usize>> = findings.iter().map(|finding| finding.line).collect();
    let origin = |line, column| lines.as_ref().map(|lines| lines.origin(line, column));
    let found = documented(file, &text, &origin);
    findings.extend(found.into_iter().filter(|finding| finding.line.is_none() || !spoilt.contains(&finding.line)));
    findings
}

/// The place in the file of a place in the document.
type Origin<'a> = &'a dyn Fn(usize, usize) -> Option<(usize, usize)>;

fn documented(file: &File, text: &str, origin: Origin<'_>) -> Vec<Finding> {
    let (found, parameters) = document::check(text, &file.shown);
    let mut findings: Vec<Finding> = found.into_iter().map(|it| finding(file, it, origin)).collect();
    let length = text.chars().count();
    if length > component::LONGEST {
        let message = format!("the document is {length} characters long when rendered");
        let cure = format!("Image Builder takes at most {} in a document; split it in two", component::LONGEST);
        findings.push(Finding::error(&file.shown, "too-long", None, message).cure(cure));
    }
    for parameter in parameters.iter().filter(|parameter| component::is_unset(parameter)) {
        let place = declaration(text, &parameter.name).and_then(|(line, column)| origin(line, column));
        let width = parameter.name.chars().count();
        let span = place.map(|(line, column)| Span::in_line(line, column..column + width));
        let message = format!("the parameter `{}` has no default, and a bake does not pass it", parameter.name);
        let cure = format!("give it a default; only {} are passed by the bake", component::PASSED.join(", "));
        findings.push(Finding::error(&file.shown, "parameter-not-passed", span, message).cure(cure));
    }
    findings
}

fn finding(file: &File, found: DocumentFinding, origin: Origin<'_>) -> Finding {
    let mut message = found.message;
    let span = found.span.and_then(|span| {
        let Span { start, end } = span;
        let Some((line, column)) = origin(start.line, start.column) else {
            message = format!("{message} (line {} of the rendered document)", start.line);
            return None;
        };
        let end = (end.line == start.line).then(|| origin(end.line, end.column)).flatten();
        let end = end.filter(|end| end.0 == line && end.1 > column).map_or(column, |end| end.1);
        Some(Span::in_line(line, column..end))
    });
    let severity = if found.is_warning { Severity::Warning } else { Severity::Error };
    Finding::error(&file.shown, found.rule, span, message).cure(found.cure.unwrap_or_default()).severity(severity)
}

/// Where the list of parameters names this one.
fn declaration(text: &str, name: &str) -> Option<(usize, usize)> {
    text.lines().enumerate().find_map(|(index, line)| {
        let (before, rest) = line.split_once(name)?;
        let declares =
            before.trim().trim_end_matches(['"', '\'']) == "-" && rest.trim_start_matches(['"', '\'']).starts_with(':');
        declares.then(|| (index + 1, before.chars().count() + 1))
    })
}

/// The variables of a bake that compiled nothing: as long as the real ones, because the length of a document counts.
fn stand_ins(draft: &Draft) -> Variables {
    let service = draft.service.as_ref().map_or("service", |service| service.as_str()).to_owned();
    let bucket =
        draft.environments.values().map(|environment| environment.bucket.as_str()).max_by_key(|name| name.len());
    let bucket = bucket.unwrap_or("bucket");
    let sha256 = Sha256Digest::of("").to_string();
    let uri = |name: &str| format!("s3://{bucket}/{service}/artifacts/{sha256}/{name}");
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let install_path = draft.install_path.as_ref().map_or("/opt/service/service", |path| &path.value).to_owned();
    let mut units: Vec<String> = draft.units.iter().map(|unit| name(&unit.value)).collect();
    if units.is_empty() {
        units.push(format!("{service}.service"));
    }
    let files = draft.files.iter().map(|file| template::File {
        path: file.path.as_ref().map_or("/etc/service/config.yaml", |path| &path.value).to_owned(),
        uri: uri(&file.source.as_ref().map(|source| name(&source.value)).unwrap_or_default()),
        sha256: sha256.clone(),
        mode: file.mode.clone().unwrap_or_else(|| "0644".to_owned()),
    });
    let documents = Manifest::documents_in_image(&service).map(|path| template::File {
        uri: uri(&name(Path::new(&path))),
        sha256: sha256.clone(),
        mode: "0644".to_owned(),
        path,
    });
    Variables {
        artifact: template::Artifact {
            uri: uri(&name(Path::new(&install_path))),
            sha256: sha256.clone(),
            install_path,
        },
        units: units.into_iter().map(|name| template::Unit { uri: uri(&name), sha256: sha256.clone(), name }).collect(),
        files: files.chain(documents).collect(),
        env_file: draft.env_file.as_ref().map_or("/etc/service/.env", |path| &path.value).to_owned(),
        port: draft.port.unwrap_or(8000),
        release: Some("2023.12.20260930".to_owned()),
        service,
    }
}
