//! What is asked of Bedrock, and how long it may take.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::Uri;

use super::{SettingsError, endpoint};
use crate::config_file::{ConfigFile, TimeoutsInSeconds};
use crate::variables::{self, Variables};

const DEFAULT_MODEL_ID: &str = "us.anthropic.claude-opus-4-5-20251101-v1:0";
const DEFAULT_REGION: &str = "us-east-1";
/// Bedrock reserves this many tokens of the quota for each call, so it stays far below the model's maximum.
const DEFAULT_MAX_TOKENS: NonZeroU32 = NonZeroU32::new(4096).unwrap();
/// Half of the context of the models in use: older exchanges cost more than they help.
const DEFAULT_CONTEXT_TOKENS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
const DEFAULT_SYSTEM_PROMPT: &str = "You are a helpful research assistant. Answer clearly and precisely.";

/// What is asked of Bedrock, and where.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Model or inference profile id.
    pub model_id: String,
    /// Region of the Bedrock endpoint.
    pub region: String,
    /// Another endpoint than AWS's own.
    pub endpoint: Option<Uri>,
    /// Upper bound of an answer.
    pub max_tokens: NonZeroU32,
    /// Tokens of a prompt beyond which the oldest exchanges of a conversation are left out.
    pub context_tokens: NonZeroU32,
    /// Whether Bedrock is told what it may keep of a conversation.
    pub prompt_caching: bool,
    /// How long each part of a call may take.
    pub timeouts: Timeouts,
    /// Instructions that precede every conversation.
    pub system_prompt: String,
}

/// How long each part of a call to Bedrock may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until Bedrock has accepted the conversation.
    pub headers: Duration,
    /// From then until the first token.
    pub first_token: Duration,
    /// From one event to the next.
    pub idle: Duration,
    /// Until the end of the answer.
    pub total: Duration,
}

impl ModelSettings {
    pub(super) fn new(config: &ConfigFile, variables: &Variables) -> Result<Self, SettingsError> {
        let set = |name| variables.get(name).map(|variable| variable.value.clone());
        let model_id =
            set(variables::MODEL_ID).or(config.model_id.clone()).unwrap_or_else(|| DEFAULT_MODEL_ID.to_owned());
        Ok(Self {
            region: set(variables::AWS_REGION).unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            endpoint: endpoint(variables.get(variables::BEDROCK_ENDPOINT))?,
            max_tokens: config.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            context_tokens: config.context_tokens.unwrap_or(DEFAULT_CONTEXT_TOKENS),
            prompt_caching: config.prompt_caching.unwrap_or_else(|| keeps_prompts(&model_id)),
            timeouts: Timeouts::from(&config.timeouts),
            system_prompt: config.system_prompt.clone().unwrap_or_else(|| DEFAULT_SYSTEM_PROMPT.to_owned()),
            model_id,
        })
    }
}

impl From<&TimeoutsInSeconds> for Timeouts {
    fn from(given: &TimeoutsInSeconds) -> Self {
        let or = |given: Option<NonZeroU32>, default| {
            Duration::from_secs(given.map_or(default, |seconds| seconds.get().into()))
        };
        Self {
            headers: or(given.headers, 60),
            first_token: or(given.first_token, 120),
            idle: or(given.idle, 60),
            // Bedrock's longest streams were seen to die silently between 6 and 10 minutes.
            total: or(given.total, 900),
        }
    }
}

/// Other models refuse a conversation that is marked for keeping.
fn keeps_prompts(model_id: &str) -> bool {
    model_id.contains("anthropic.claude") || model_id.contains("amazon.nova")
}
