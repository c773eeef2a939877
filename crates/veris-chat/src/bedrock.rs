//! Asking the model through Bedrock's ConverseStream.

mod failure;
mod reply;

use std::sync::Arc;
use std::time::Duration;

use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, Message, SystemContentBlock,
};

pub(crate) use failure::{Failure, FailureKind};
pub(crate) use reply::{Ending, Finish, Piece, Reply};

use crate::sessions::Exchange;
use crate::settings::ModelSettings;

/// Until the response's headers; the body has its own limits in [`Reply`].
const HEADERS_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client that signs with the instance role's credentials and looks for no others.
pub fn client(model: &ModelSettings) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(HEADERS_TIMEOUT).build();
    let mut config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(model.region.clone()))
        .credentials_provider(ImdsCredentialsProvider::builder().build())
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts)
        // A model that thinks for a minute is not a stalled connection.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = &model.endpoint {
        config = config.endpoint_url(endpoint.to_string());
    }
    Client::from_conf(config.build())
}

/// The model with everything that is the same for every conversation.
#[derive(Debug)]
pub(crate) struct Model {
    client: Client,
    settings: Arc<ModelSettings>,
}

impl Model {
    pub(crate) fn new(client: Client, settings: ModelSettings) -> Self {
        Self { client, settings: Arc::new(settings) }
    }

    pub(crate) fn id(&self) -> &str {
        &self.settings.model_id
    }

    /// Sends the conversation as real turns; returns once Bedrock has accepted it.
    pub(crate) async fn ask<'a>(
        &self,
        history: impl Iterator<Item = &'a Exchange>,
        question: &str,
    ) -> Result<Reply, Failure> {
        let messages = turns(history, question)
            .map_err(|error| Failure::new(FailureKind::Rejected, &self.settings, error.to_string()))?;
        // Without a bound Bedrock reserves the model's maximum of the quota for every call.
        let max_tokens = i32::try_from(self.settings.max_tokens.get()).unwrap_or(i32::MAX);
        let output = self
            .client
            .converse_stream()
            .model_id(&self.settings.model_id)
            .set_messages(Some(messages))
            .set_system(self.system())
            .inference_config(InferenceConfiguration::builder().max_tokens(max_tokens).build())
            .send()
            .await
            .map_err(|error| Failure::of_call(&error, &self.settings))?;
        Ok(Reply::new(output.stream, Arc::clone(&self.settings)))
    }

    /// Bedrock refuses an empty text block.
    fn system(&self) -> Option<Vec<SystemContentBlock>> {
        let prompt = self.settings.system_prompt.trim();
        (!prompt.is_empty()).then(|| vec![SystemContentBlock::Text(prompt.to_owned())])
    }
}

fn turns<'a>(history: impl Iterator<Item = &'a Exchange>, question: &str) -> Result<Vec<Message>, BuildError> {
    let mut messages = Vec::new();
    for exchange in history {
        messages.push(turn(ConversationRole::User, &exchange.question)?);
        messages.push(turn(ConversationRole::Assistant, &exchange.answer)?);
    }
    messages.push(turn(ConversationRole::User, question)?);
    Ok(messages)
}

fn turn(role: ConversationRole, text: &str) -> Result<Message, BuildError> {
    Message::builder().role(role).content(ContentBlock::Text(text.to_owned())).build()
}
