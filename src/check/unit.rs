//! A unit: its shape and its program; systemd's own words are collected for all units together.

use veris_toe::yaml::Span;

use super::finding::Finding;
use super::project::{File, Project};
use super::systemd::Systemd;
use crate::recipe;

pub(super) fn check(file: &File, project: &Project, systemd: &mut Systemd) -> Vec<Finding> {
    let mistakes = recipe::check_unit(&file.text, project.program_of(file));
    systemd.add(file);
    let finding = |it: recipe::UnitMistake| {
        let source = it.line.and_then(|line| file.text.lines().nth(line - 1));
        let column = source.map_or(1, |source| source.chars().take_while(|c| c.is_whitespace()).count() + 1);
        let end = source.map_or(column, |source| source.trim_end().chars().count() + 1);
        let span = it.line.map(|line| Span::in_line(line, column..end.max(column)));
        Finding::error(&file.shown, it.rule, span, it.problem).cure(it.cure)
    };
    mistakes.into_iter().map(finding).collect()
}
