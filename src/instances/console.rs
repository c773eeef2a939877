//! The end of an instance's serial console: often the only witness of a boot that failed.

use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::aws::{self, Clients};
use crate::error::Failure;

/// At most `count` last lines.
pub async fn console(clients: &Clients, instance_id: &str, count: usize) -> Result<Vec<String>, Failure> {
    // Only instances on Nitro have the newest output; t2 and older refuse to be asked for it.
    let newest = clients.ec2.get_console_output().instance_id(instance_id).latest(true).send().await;
    let answer = match newest {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("UnsupportedOperation") => {
            let kept = clients.ec2.get_console_output().instance_id(instance_id).send().await;
            kept.map_err(|error| aws::describe(&format!("read the console of {instance_id}"), &error))?
        }
        Err(error) => return Err(aws::describe(&format!("read the console of {instance_id}"), &error)),
    };
    let bytes = STANDARD.decode(answer.output.unwrap_or_default().trim()).unwrap_or_default();
    Ok(end(&String::from_utf8_lossy(&bytes), count))
}

/// The same, or none where there is no console: the failure that is being explained matters more.
pub async fn last_lines(clients: &Clients, instance_id: &str, count: usize) -> Vec<String> {
    console(clients, instance_id, count).await.unwrap_or_else(|error| {
        tracing::warn!("{error}");
        Vec::new()
    })
}

fn end(console: &str, count: usize) -> Vec<String> {
    let lines: Vec<String> = console.lines().map(plain).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// A guest must not be able to drive the operator's terminal: escape sequences and control characters are removed.
pub fn plain(line: &str) -> String {
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
