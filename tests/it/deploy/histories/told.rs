//! What is told of a history, so that two runs of it can be compared.

use crate::deploy::operator::Operator;
use crate::stand_in::Cloud;

/// Who serves, and how each deployment ended.
pub(super) fn scene(cloud: &Cloud) -> String {
    let holder = Operator::holder(cloud);
    let endings: Vec<String> = Operator::deployments(cloud)
        .into_iter()
        .map(|ending| ending.unwrap_or_else(|| "under way".to_owned()))
        .collect();
    let states = cloud.state();
    let mut instances = Operator::existing(cloud);
    instances.sort_by_key(|id| Operator::deployment_of(cloud, id));
    let instances: Vec<String> = instances
        .iter()
        .map(|id| format!("{id} {}", states["instances"][id]["state"].as_str().unwrap_or_default()))
        .collect();
    format!("{holder} serves; {}; {}", instances.join(", "), endings.join(", "))
}

/// Without what differs from run to run: ids and addresses are numbered as they come, and nothing tells the time.
pub(super) fn masked(told: &[String]) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    told.iter().map(|line| mask(line, &mut known)).collect()
}

fn mask(line: &str, known: &mut Vec<String>) -> String {
    // How far a wait had come when it ended depends on the time.
    let line = line.split_once("last seen: ").map_or(line, |(before, _)| before);
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    let mut masked = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(is_of_word) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c| !is_of_word(c)).unwrap_or(from.len());
        // A sentence may go on, or end, behind it.
        let word = from[..end].trim_end_matches(['.', ':']);
        masked.push_str(before);
        masked.push_str(&mask_word(word, known));
        masked.push_str(&from[word.len()..end]);
        rest = &from[end..];
    }
    masked + rest
}

fn mask_word(word: &str, known: &mut Vec<String>) -> String {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_id =
        word.rsplit_once('-').is_some_and(|(_, id)| id.len() >= 12 && id.chars().all(|c| c.is_ascii_hexdigit()));
    let is_address = word.starts_with("127.");
    if is_id || is_address {
        let number = known.iter().position(|it| it == word).unwrap_or_else(|| {
            known.push(word.to_owned());
            known.len() - 1
        });
        return format!("<{number}>");
    }
    let is_time = digits >= 6 && word.chars().all(|c| c.is_ascii_digit() || "-:.TZ".contains(c));
    if is_time { "<time>".to_owned() } else { word.to_owned() }
}
