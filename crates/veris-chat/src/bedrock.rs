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
    CachePointBlock, CachePointType, ContentBlock, ConversationRole, InferenceConfiguration, Message,
    SystemContentBlock,
};

pub(crate) use failure::{Failure, FailureKind};
pub(crate) use reply::{Ending, Finish, Piece, Reply};

use crate::prompt::{Options, Prompt, Speaker, Turn};
use crate::settings::ModelSettings;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client that signs with the instance role's credentials and looks for no others.
pub fn client(model: &ModelSettings) -> Client {
    // The body of an answer has limits of its own in [`Reply`].
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(model.timeouts.headers).build();
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

    /// Tokens that a prompt may have.
    pub(crate) fn context_tokens(&self) -> u32 {
        self.settings.context_tokens.get()
    }

    /// Sends the conversation as real turns; returns once Bedrock has accepted it.
    pub(crate) async fn ask(&self, prompt: &Prompt) -> Result<Reply, Failure> {
        let messages = self
            .messages(&prompt.turns)
            .map_err(|error| Failure::new(FailureKind::Rejected, &self.settings, error.to_string()))?;
        let output = self
            .client
            .converse_stream()
            .model_id(&self.settings.model_id)
            .set_messages(Some(messages))
            .set_system(self.system(&prompt.system))
            .inference_config(self.inference(&prompt.options))
            .send()
            .await
            .map_err(|error| Failure::of_call(&error, &self.settings))?;
        Ok(Reply::new(output.stream, Arc::clone(&self.settings)))
    }

    fn messages(&self, turns: &[Turn]) -> Result<Vec<Message>, BuildError> {
        turns.iter().map(|turn| message(turn, self.settings.prompt_caching)).collect()
    }

    /// Bedrock refuses an empty text block.
    fn system(&self, more: &[String]) -> Option<Vec<SystemContentBlock>> {
        let texts = std::iter::once(&self.settings.system_prompt).chain(more).map(|text| text.trim());
        let blocks: Vec<_> =
            texts.filter(|text| !text.is_empty()).map(|text| SystemContentBlock::Text(text.to_owned())).collect();
        (!blocks.is_empty()).then_some(blocks)
    }

    /// Without a bound Bedrock reserves the model's maximum of the quota for every call.
    fn inference(&self, options: &Options) -> InferenceConfiguration {
        let most = self.settings.max_tokens.get();
        let max_tokens = options.max_tokens.map_or(most, |asked| asked.min(most));
        InferenceConfiguration::builder()
            .max_tokens(i32::try_from(max_tokens).unwrap_or(i32::MAX))
            .set_temperature(options.temperature)
            .set_top_p(options.top_p)
            .set_stop_sequences((!options.stop.is_empty()).then(|| options.stop.clone()))
            .build()
    }
}

fn message(turn: &Turn, caching: bool) -> Result<Message, BuildError> {
    let role = match turn.speaker {
        Speaker::User => ConversationRole::User,
        Speaker::Assistant => ConversationRole::Assistant,
    };
    let mut message = Message::builder().role(role).content(ContentBlock::Text(turn.text.clone()));
    if turn.cache && caching {
        let point = CachePointBlock::builder().r#type(CachePointType::Default).build()?;
        message = message.content(ContentBlock::CachePoint(point));
    }
    message.build()
}
