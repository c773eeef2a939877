//! What an OpenAI client asks, parsed once into a conversation that Bedrock accepts.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::api_error::ApiError;
use crate::prompt::{Options, Prompt, Speaker, Turn};

/// The body of `POST /v1/chat/completions`. Fields without meaning for an answer are let through; those that would change the
/// answer in a way this server cannot are refused.
#[derive(Debug, Deserialize)]
pub(crate) struct RawCompletionRequest {
    pub(crate) model: String,
    messages: Vec<RawMessage>,
    #[serde(default)]
    pub(crate) stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    max_completion_tokens: Option<u32>,
    max_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    stop: Option<OneOrMany>,
    n: Option<u32>,
    tools: Option<Vec<Value>>,
    functions: Option<Vec<Value>>,
    response_format: Option<ResponseFormat>,
    logprobs: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct ResponseFormat {
    r#type: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct RawMessage {
    role: String,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    r#type: String,
    #[serde(default)]
    text: Option<String>,
}

/// A request that can be answered.
#[derive(Debug)]
pub(crate) struct CompletionRequest {
    pub(crate) prompt: Prompt,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

impl CompletionRequest {
    /// `models` are the names under which the model is served.
    pub(crate) fn parse(
        body: Result<Json<RawCompletionRequest>, JsonRejection>,
        models: &[&str],
    ) -> Result<Self, ApiError> {
        let Json(raw) = body.map_err(|rejection| unreadable(&rejection))?;
        if !models.contains(&raw.model.as_str()) {
            return Err(ApiError::model_not_found(models));
        }
        raw.refuse_the_impossible()?;
        let include_usage = raw.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false);
        let stream = raw.stream.unwrap_or(false);
        let options = raw.options()?;
        let (system, turns) = conversation(raw.messages)?;
        Ok(Self { prompt: Prompt::whole(system, turns, options), stream, include_usage })
    }
}

impl RawCompletionRequest {
    fn refuse_the_impossible(&self) -> Result<(), ApiError> {
        let some = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let format = self.response_format.as_ref().map_or("text", |format| format.r#type.as_str());
        let refused = [
            (self.n.is_some_and(|n| n != 1), "`n` must be 1: send the request again for another answer"),
            (some(&self.tools) || some(&self.functions), "`tools` are not supported: leave them out"),
            (format != "text", "`response_format` must be `text`: ask for the form in a message instead"),
            (self.logprobs == Some(true), "`logprobs` are not supported: leave them out"),
        ];
        match refused.into_iter().find(|(refused, _)| *refused) {
            Some((_, message)) => Err(invalid("unsupported_parameter", message)),
            None => Ok(()),
        }
    }

    fn options(&self) -> Result<Options, ApiError> {
        // A `top_p` of 1 changes nothing, and the models take only one of the two.
        let top_p = self.top_p.filter(|top_p| *top_p < 1.0);
        let max_tokens = self.max_completion_tokens.or(self.max_tokens);
        let stop = match &self.stop {
            Some(OneOrMany::One(stop)) => vec![stop.clone()],
            Some(OneOrMany::Many(stops)) => stops.clone(),
            None => Vec::new(),
        };
        let wrong = [
            (!within(self.temperature, 2.0), "`temperature` must be between 0 and 2"),
            (!within(self.top_p, 1.0), "`top_p` must be between 0 and 1"),
            (
                self.temperature.is_some() && top_p.is_some(),
                "the model takes `temperature` or `top_p`: send one of them",
            ),
            (max_tokens == Some(0), "`max_completion_tokens` must be 1 or more"),
            (stop.len() > 4 || stop.iter().any(String::is_empty), "`stop` must be 1 to 4 texts that are not empty"),
        ];
        if let Some((_, message)) = wrong.into_iter().find(|(wrong, _)| *wrong) {
            return Err(invalid("invalid_parameter", message));
        }
        // Bedrock's scale ends at 1.
        Ok(Options { max_tokens, temperature: self.temperature.map(|asked| asked.min(1.0)), top_p, stop })
    }
}

fn within(value: Option<f32>, most: f32) -> bool {
    value.is_none_or(|value| (0.0..=most).contains(&value))
}

/// Instructions and turns: Bedrock wants the user first and last, and nobody twice in a row.
fn conversation(messages: Vec<RawMessage>) -> Result<(Vec<String>, Vec<Turn>), ApiError> {
    let (mut system, mut turns) = (Vec::new(), Vec::<Turn>::new());
    for (index, message) in messages.into_iter().enumerate() {
        let role = message.role.clone();
        let text = text(message, index)?;
        if text.trim().is_empty() {
            continue;
        }
        let speaker = match role.as_str() {
            "system" | "developer" => {
                system.push(text);
                continue;
            }
            "user" => Speaker::User,
            "assistant" => Speaker::Assistant,
            _ => {
                let message = format!("`messages[{index}].role` must be system, developer, user or assistant");
                return Err(invalid("invalid_messages", message));
            }
        };
        match turns.last_mut().filter(|last| last.speaker == speaker) {
            Some(last) => {
                last.text.push_str("\n\n");
                last.text.push_str(&text);
            }
            None => turns.push(Turn { speaker, text, cache: false }),
        }
    }
    let by_user = |turn: Option<&Turn>| turn.is_some_and(|turn| turn.speaker == Speaker::User);
    if !by_user(turns.first()) || !by_user(turns.last()) {
        return Err(invalid(
            "invalid_messages",
            "the first and the last of `messages` must be the user's, with a text",
        ));
    }
    Ok((system, turns))
}

fn text(message: RawMessage, index: usize) -> Result<String, ApiError> {
    match message.content {
        None => Ok(String::new()),
        Some(Content::Text(text)) => Ok(text),
        Some(Content::Parts(parts)) => {
            let texts = parts.into_iter().enumerate().map(|(part_index, part)| match part.text {
                Some(text) if part.r#type == "text" => Ok(text),
                _ => Err(invalid(
                    "unsupported_content",
                    format!("`messages[{index}].content[{part_index}]` must be of type `text`: nothing else is read"),
                )),
            });
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
    }
}

/// OpenAI's status for a body that is read but not understood is 400.
fn unreadable(rejection: &JsonRejection) -> ApiError {
    let status = match rejection.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    let message = format!(
        "the body must be JSON like {{\"model\": \"veris-chat\", \"messages\": [{{\"role\": \"user\", \"content\": \"…\"}}]}} \
         with `Content-Type: application/json`: {}",
        rejection.body_text()
    );
    ApiError::invalid_request(status, "invalid_body", message)
}

fn invalid(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::invalid_request(StatusCode::BAD_REQUEST, code, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(body: Value) -> Result<CompletionRequest, String> {
        let raw = serde_json::from_value(body).map_err(|error| error.to_string())?;
        CompletionRequest::parse(Ok(Json(raw)), &["m", "veris-chat"]).map_err(|error| error.message().to_owned())
    }

    fn said(messages: &Value) -> Result<Vec<(Speaker, String)>, String> {
        let request = parse(json!({"model": "m", "messages": messages}))?;
        Ok(request.prompt.turns.into_iter().map(|turn| (turn.speaker, turn.text)).collect())
    }

    #[test]
    fn messages_of_one_party_in_a_row_become_one_turn() {
        let said = said(&json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One"},
            {"role": "user", "content": [{"type": "text", "text": "Two"}]},
            {"role": "assistant", "content": ""},
            {"role": "assistant", "content": "Yes"},
            {"role": "user", "content": "Three"},
        ]));
        let turn = |speaker, text: &str| (speaker, text.to_owned());
        assert_eq!(
            said.unwrap(),
            [turn(Speaker::User, "One\n\nTwo"), turn(Speaker::Assistant, "Yes"), turn(Speaker::User, "Three")]
        );
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_the_reason() {
        let hello = json!([{"role": "user", "content": "Hi"}]);
        let report: Vec<_> = [
            json!({"model": "gpt-4o", "messages": hello}),
            json!({"model": "m", "messages": []}),
            json!({"model": "m", "messages": [{"role": "assistant", "content": "Hi"}]}),
            json!({"model": "m", "messages": [{"role": "tool", "content": "42"}]}),
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}),
            json!({"model": "m", "messages": hello, "n": 2}),
            json!({"model": "m", "messages": hello, "tools": [{}]}),
            json!({"model": "m", "messages": hello, "response_format": {"type": "json_object"}}),
            json!({"model": "m", "messages": hello, "temperature": 3}),
            json!({"model": "m", "messages": hello, "temperature": 0.5, "top_p": 0.5}),
            json!({"model": "m", "messages": hello, "max_tokens": 0}),
            json!({"model": "m", "messages": hello, "stop": [""]}),
        ]
        .into_iter()
        .map(|body| parse(body).unwrap_err())
        .collect();
        insta::assert_snapshot!(report.join("\n"));
    }

    #[test]
    fn options_are_taken_within_what_the_model_knows() {
        let body = json!({
            "model": "veris-chat", "messages": [{"role": "user", "content": "Hi"}], "stream": null, "stop": "END",
            "temperature": 1.5, "top_p": 1, "max_tokens": 5, "max_completion_tokens": 7, "user": "u", "seed": 1,
        });
        let options = parse(body).unwrap().prompt.options;
        assert_eq!((options.max_tokens, options.temperature, options.top_p), (Some(7), Some(1.0), None));
        assert_eq!(options.stop, ["END"]);
    }

    proptest! {
        #[test]
        fn every_conversation_that_is_accepted_alternates_and_begins_and_ends_with_the_user(
            messages in prop::collection::vec(
                (prop::sample::select(vec!["system", "user", "assistant", "tool"]), ".{0,3}"), 0..12),
        ) {
            let messages: Vec<_> =
                messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
            if let Ok(said) = said(&json!(messages)) {
                let in_turn = said.iter().enumerate().all(|(index, (speaker, text))| {
                    (*speaker == Speaker::User) == (index % 2 == 0) && !text.trim().is_empty()
                });
                prop_assert!(in_turn);
                prop_assert_eq!(said.len() % 2, 1);
            }
        }
    }
}
