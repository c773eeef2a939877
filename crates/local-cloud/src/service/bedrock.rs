//! Bedrock's runtime for guests: Converse, `ConverseStream` and `InvokeModel` of embedding models on the wire, the organisation's policy in front, and a canned
//! answer behind that depends on the conversation.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Request, Response};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::wire::Protocol;

mod answer;
mod converse;
mod embed;
mod policy;
mod stream;

use answer::Answer;
use converse::Converse;

/// Answers one call. The signature has been verified; whose it is, and for which model, is judged here.
#[expect(clippy::unused_async, reason = "every service's handler is asynchronous")]
pub async fn handle(_cloud: &Arc<Cloud>, request: Request) -> Response {
    respond(&request).unwrap_or_else(|fault| Protocol::RestJson.fault(&fault))
}

fn respond(request: &Request) -> Result<Response, Fault> {
    let begun = Instant::now();
    let (model, operation) = Operation::of(request)?;
    policy::check(request, &model, operation)?;
    if operation == Operation::InvokeModel {
        return Ok(super::json(200, &embed::invoke(&request.body)?));
    }
    let conversation = Converse::parse(&request.body)?;
    let answer = Answer::to(&conversation);
    Ok(match operation {
        Operation::Converse | Operation::InvokeModel => super::json(200, &whole(&answer, begun)),
        Operation::ConverseStream => stream::response(answer, begun),
    })
}

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Converse,
    ConverseStream,
    /// Of embedding models alone.
    InvokeModel,
}

impl Operation {
    /// Reads `/model/{modelId}/{converse,converse-stream,invoke}`, whose model id is percent-encoded.
    fn of(request: &Request) -> Result<(String, Self), Fault> {
        let unknown = || {
            let message = format!(
                "The local cloud's Bedrock has no operation {} {}; it has Converse, ConverseStream and InvokeModel",
                request.method, request.path
            );
            Fault::new(404, "UnknownOperationException", message)
        };
        let path = request.path.strip_prefix("/model/").filter(|_| request.method == hyper::Method::POST);
        let (model, name) = path.and_then(|path| path.rsplit_once('/')).ok_or_else(unknown)?;
        let operation = match name {
            "converse" => Self::Converse,
            "converse-stream" => Self::ConverseStream,
            "invoke" => Self::InvokeModel,
            _ => return Err(unknown()),
        };
        let model = percent_decoded(model).ok_or_else(unknown)?;
        Ok((model, operation))
    }

    /// The permission that the operation needs.
    fn action(self) -> &'static str {
        match self {
            Self::Converse | Self::InvokeModel => "bedrock:InvokeModel",
            Self::ConverseStream => "bedrock:InvokeModelWithResponseStream",
        }
    }
}

/// The answer of `Converse`.
fn whole(answer: &Answer, begun: Instant) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": [{"text": answer.text()}]}},
        "stopReason": answer.stop_reason(),
        "usage": answer.usage(),
        "metrics": {"latencyMs": milliseconds(begun)},
    })
}

fn milliseconds(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn percent_decoded(text: &str) -> Option<String> {
    // A form's `+` means a space, a path's does not.
    let pair = format!("id={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
}
