//! The canned answer. It is no model's, but it proves that the whole conversation has arrived, in order: it counts the turns,
//! quotes the last message and refers back to what was said before. The same conversation always gets the same answer.

use serde_json::{Value, json};

use super::converse::Converse;

/// The most characters of a message that are quoted.
const QUOTE: usize = 160;

/// An answer, cut as the request asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Words with the space before them. A word counts as one token.
    pub words: Vec<String>,
    input_tokens: usize,
    stop_reason: &'static str,
}

impl Answer {
    pub(super) fn to(conversation: &Converse) -> Self {
        let mut text = compose(conversation);
        let mut stop_reason = "end_turn";
        let stops = conversation.stop_sequences.iter().filter(|stop| !stop.is_empty());
        if let Some(position) = stops.filter_map(|stop| text.find(stop.as_str())).min() {
            text.truncate(position);
            stop_reason = "stop_sequence";
        }
        let mut words: Vec<String> = text.split_inclusive(' ').map(ToOwned::to_owned).collect();
        if let Some(most) = conversation.max_tokens.filter(|most| *most < words.len()) {
            words.truncate(most);
            stop_reason = "max_tokens";
        }
        let heard = conversation.turns.iter().map(|turn| &turn.text).chain(&conversation.system);
        Self { words, input_tokens: heard.map(|text| text.split_whitespace().count()).sum(), stop_reason }
    }

    pub(super) fn text(&self) -> String {
        self.words.concat()
    }

    pub(super) fn stop_reason(&self) -> &'static str {
        self.stop_reason
    }

    pub(super) fn usage(&self) -> Value {
        let (input, output) = (self.input_tokens, self.words.len());
        json!({"inputTokens": input, "outputTokens": output, "totalTokens": input + output})
    }
}

fn compose(conversation: &Converse) -> String {
    let turn = conversation.said_by_user().count();
    let mut said = conversation.said_by_user().rev();
    let (passage, last) = passage(said.next().unwrap_or_default());
    if let Some(passage) = passage {
        // What is asked of a model that reads documents: to say which passage it has this from.
        return format!("The documents say: “{}” [1]. You asked: “{}”.", quote(passage), quote(last));
    }
    let before = match said.next().map(|before| self::passage(before).1) {
        Some(before) => format!("Before that you said: “{}”, so this goes on from there.", quote(before)),
        None => "It is the first thing you said to me.".to_owned(),
    };
    format!(
        "This is turn {turn} of our conversation, and you said: “{}”. {before} I am the local cloud's stand-in for a model: \
         nothing here has left your machine.",
        quote(last)
    )
}

/// The text of the first passage that stands before a question, in elements whose names begin with `document`, and the question.
fn passage(message: &str) -> (Option<&str>, &str) {
    let found = || {
        let (_, body) = message.strip_prefix("<document")?.split_once(">\n")?;
        let (text, _) = body.split_once("\n</document")?;
        let (_, question) = message.rsplit_once("</document")?.1.split_once('\n')?;
        Some((text, question.trim_start()))
    };
    match found() {
        Some((text, question)) => (Some(text), question),
        None => (None, message),
    }
}

/// The beginning of a message, on one line.
fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}
