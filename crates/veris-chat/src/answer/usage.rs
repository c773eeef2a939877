//! What an answer cost, in tokens and in seconds.

use std::time::Duration;

use aws_sdk_bedrockruntime::types::TokenUsage;
use serde::Serialize;

use crate::sessions::Tokens;

/// Tokens in the words of the chat completion contract.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: u32,
    pub(crate) completion_tokens: u32,
    pub(crate) total_tokens: u32,
    pub(crate) prompt_tokens_details: PromptTokens,
}

/// What of a prompt Bedrock had kept, and what it keeps from now on.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct PromptTokens {
    pub(crate) cached_tokens: u32,
    pub(crate) cache_write_tokens: u32,
}

impl From<&TokenUsage> for Usage {
    /// The total includes the tokens of the prompt cache, which are part of the prompt.
    fn from(usage: &TokenUsage) -> Self {
        let tokens = |count: i32| u32::try_from(count).unwrap_or_default();
        Self {
            prompt_tokens: tokens(usage.total_tokens.saturating_sub(usage.output_tokens)),
            completion_tokens: tokens(usage.output_tokens),
            total_tokens: tokens(usage.total_tokens),
            prompt_tokens_details: PromptTokens {
                cached_tokens: tokens(usage.cache_read_input_tokens.unwrap_or_default()),
                cache_write_tokens: tokens(usage.cache_write_input_tokens.unwrap_or_default()),
            },
        }
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self { prompt: usage.prompt_tokens, answer: usage.completion_tokens }
    }
}

/// Seconds spent on each part of the work.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Timing {
    pub(crate) ingestion: f64,
    pub(crate) retrieval: f64,
    pub(crate) generation: f64,
    pub(crate) memory: f64,
    pub(crate) total: f64,
}

/// Rounded to milliseconds: more digits would only look exact.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
