//! The end of an instance's serial console: often the only witness of a boot that failed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::aws::Clients;

/// At most `count` last lines, or none where there is no console: the failure that is being explained matters more.
pub async fn last_lines(clients: &Clients, instance_id: &str, count: usize) -> Vec<String> {
    let output = match clients.ec2.get_console_output().instance_id(instance_id).latest(true).send().await {
        Ok(answer) => answer.output.unwrap_or_default(),
        Err(error) => {
            tracing::warn!("the console of {instance_id} cannot be read: {error}");
            return Vec::new();
        }
    };
    let bytes = STANDARD.decode(output.trim()).unwrap_or_default();
    end(&String::from_utf8_lossy(&bytes), count)
}

fn end(console: &str, count: usize) -> Vec<String> {
    let lines: Vec<String> = console.lines().map(plain).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// A guest must not be able to drive the operator's terminal: escape sequences and control characters are removed.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
        } else if !character.is_control() {
            plain.push(character);
        }
    }
    plain.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_without_escape_sequences() {
        let console = "[    0.0] Linux\r\n[\u{1b}[0;32m  OK  \u{1b}[0m] Started veris-chat.\r\n\r\n\u{7}login: \r\n";
        assert_eq!(end(console, 2), ["[  OK  ] Started veris-chat.", "login:"]);
        assert_eq!(end("", 2), Vec::<String>::new());
    }
}
