//! A conversation as Converse and ConverseStream take it, and the rules that Bedrock has for it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fault::Fault;

/// A conversation that Bedrock accepts: it begins with the user, and the roles alternate.
#[derive(Debug)]
pub(super) struct Converse {
    pub turns: Vec<Turn>,
    /// Texts of the system prompt.
    pub system: Vec<String>,
    pub max_tokens: Option<usize>,
    pub stop_sequences: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Turn {
    pub role: Role,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
}

/// What of a request the canned models understand. Members without meaning for an answer are taken, others refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    messages: Vec<RawMessage>,
    #[serde(default)]
    system: Vec<Block>,
    #[serde(default)]
    inference_config: InferenceConfig,
    #[serde(default, rename = "requestMetadata")]
    _request_metadata: Value,
    #[serde(default, rename = "performanceConfig")]
    _performance_config: Value,
    #[serde(default, rename = "serviceTier")]
    _service_tier: Value,
}

#[derive(Deserialize)]
struct RawMessage {
    role: Role,
    content: Vec<Block>,
}

/// A union: one member, named for what it holds.
type Block = Map<String, Value>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct InferenceConfig {
    max_tokens: Option<usize>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    stop_sequences: Vec<String>,
}

impl Converse {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let raw: Raw = serde_json::from_slice(body).map_err(|error| {
            refused(format!(
                "The request is malformed, or asks for something the local cloud's models cannot do: {error}"
            ))
        })?;
        raw.inference_config.check()?;
        let mut turns = Vec::new();
        for (index, message) in raw.messages.iter().enumerate() {
            turns.push(Turn { role: message.role, text: message.text(index)? });
        }
        check_roles(&turns)?;
        let system = raw.system.iter().map(|block| text_of(block, "system")).collect::<Result<Vec<_>, _>>()?;
        let InferenceConfig { max_tokens, stop_sequences, .. } = raw.inference_config;
        Ok(Self { turns, system: system.into_iter().flatten().collect(), max_tokens, stop_sequences })
    }

    /// What the user has said, oldest first.
    pub(super) fn said_by_user(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.turns.iter().filter(|turn| turn.role == Role::User).map(|turn| turn.text.as_str())
    }
}

impl RawMessage {
    fn text(&self, index: usize) -> Result<String, Fault> {
        if self.content.is_empty() {
            return Err(refused(format!(
                "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the \
                 content field and try again."
            )));
        }
        let mut texts = Vec::new();
        for (block_index, block) in self.content.iter().enumerate() {
            let place = format!("messages.{index}.content.{block_index}");
            let Some(text) = text_of(block, &place)? else { continue };
            if text.trim().is_empty() {
                return Err(refused(format!(
                    "The text field in the ContentBlock object at {place} is blank. Add text to the text field, and try again."
                )));
            }
            texts.push(text);
        }
        Ok(texts.join("\n"))
    }
}

/// The text of a block; none where the block only marks a place.
fn text_of(block: &Block, place: &str) -> Result<Option<String>, Fault> {
    match block.iter().next() {
        Some((name, Value::String(text))) if name == "text" && block.len() == 1 => Ok(Some(text.clone())),
        Some((name, _)) if name == "cachePoint" && block.len() == 1 => Ok(None),
        Some((name, _)) => {
            Err(refused(format!("The local cloud's models read text only, and '{place}' holds '{name}'.")))
        }
        None => Err(refused(format!("The block at '{place}' is empty."))),
    }
}

fn check_roles(turns: &[Turn]) -> Result<(), Fault> {
    if turns.first().is_none_or(|turn| turn.role != Role::User) {
        return Err(refused(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        ));
    }
    if turns.windows(2).any(|pair| pair[0].role == pair[1].role) {
        return Err(refused(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between \
             user and assistant roles and try again.",
        ));
    }
    Ok(())
}

impl InferenceConfig {
    fn check(&self) -> Result<(), Fault> {
        let unit = |value: Option<f64>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
        if self.max_tokens == Some(0) {
            return Err(refused(
                "Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ));
        }
        if !unit(self.temperature) || !unit(self.top_p) {
            return Err(refused(
                "Values of 'inferenceConfig.temperature' and 'inferenceConfig.topP' must be between 0 and 1",
            ));
        }
        Ok(())
    }
}

fn refused(message: impl Into<String>) -> Fault {
    Fault::client("ValidationException", message)
}
