//! What the model is asked: instructions, and turns that begin and end with the user's.

use crate::sessions::{History, estimate};

/// A conversation that Bedrock accepts: the user speaks first and last, and nobody speaks twice in a row.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// Instructions after the server's own.
    pub(crate) system: Vec<String>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) options: Options,
}

/// What one party said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) speaker: Speaker,
    pub(crate) text: String,
    /// The conversation is the same up to here the next time, so Bedrock may keep what it has read.
    pub(crate) cache: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    User,
    Assistant,
}

/// How the model answers; what is not set is the server's or the model's own choice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Never more than the server's own bound.
    pub(crate) max_tokens: Option<u32>,
    pub(crate) temperature: Option<f32>,
    pub(crate) top_p: Option<f32>,
    pub(crate) stop: Vec<String>,
}

/// No model keeps shorter prefixes than this many tokens.
const LEAST_CACHED: u32 = 1_024;
/// Tells the model that an answer of its own is not all that it would have said.
const TRUNCATED: &str = "[The user stopped this answer here.]";

impl Prompt {
    /// The next question of a conversation, with instructions of its own.
    pub(crate) fn next(history: &History, question: &str, system: Vec<String>) -> Self {
        let mut turns = Vec::new();
        for exchange in history.exchanges() {
            turns.push(Turn::user(&exchange.question));
            let answer = if exchange.truncated {
                format!("{}\n\n{TRUNCATED}", exchange.answer)
            } else {
                exchange.answer.clone()
            };
            turns.push(Turn { speaker: Speaker::Assistant, text: answer, cache: false });
        }
        if let Some(last) = turns.last_mut() {
            last.cache = history.tokens() >= LEAST_CACHED;
        }
        turns.push(Turn::user(question));
        Self { system, turns, options: Options::default() }
    }

    /// The cheapest question.
    pub(crate) fn probe() -> Self {
        let options = Options { max_tokens: Some(1), ..Options::default() };
        Self { system: Vec::new(), turns: vec![Turn::user("Hi")], options }
    }

    /// A conversation that its client keeps.
    pub(crate) fn whole(system: Vec<String>, turns: Vec<Turn>, options: Options) -> Self {
        let mut prompt = Self { system, turns, options };
        let cached = prompt.estimate() >= LEAST_CACHED;
        // The last turn is the new question: what comes before it will be the same the next time.
        if let [.., last, _] = prompt.turns.as_mut_slice() {
            last.cache = cached;
        }
        prompt
    }

    /// Tokens, without the server's own instructions.
    pub(crate) fn estimate(&self) -> u32 {
        let texts = self.system.iter().chain(self.turns.iter().map(|turn| &turn.text));
        texts.map(|text| estimate(text)).fold(0, u32::saturating_add)
    }
}

impl Turn {
    pub(crate) fn user(text: &str) -> Self {
        Self { speaker: Speaker::User, text: text.to_owned(), cache: false }
    }
}
