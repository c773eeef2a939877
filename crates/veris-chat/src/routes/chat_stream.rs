//! `POST /chat/stream/`: the answer as server-sent events, piece by piece.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::answer::{Answer, Completion, Step};
use crate::api_error::ApiError;
use crate::app::AppState;
use crate::chat_request::{ChatRequest, RawChatRequest};
use crate::shutdown::Shutdown;

/// Shorter than the idle limit of every common proxy.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) async fn chat_stream(
    State(state): State<AppState>,
    body: Result<Json<RawChatRequest>, JsonRejection>,
) -> Result<Response, ApiError> {
    let request = ChatRequest::parse(body)?;
    let first = opening(&request);
    let answer = Answer::begin(&state, request).await?;
    let events = Events { pending: first.into(), answer: Some(answer), shutdown: state.shutdown.clone() };
    let stream = futures_util::stream::unfold(events, async |mut events| {
        events.next().await.map(|event| (Ok::<_, Infallible>(event), events))
    });
    let sse = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive"));
    // A proxy that collects the pieces would turn the stream into one late answer.
    let headers = [(CACHE_CONTROL, "no-cache, no-transform"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, sse).into_response())
}

/// Pulled by the connection: nothing is read from Bedrock faster than the client takes it.
struct Events {
    pending: VecDeque<Event>,
    /// Gone once the answer has ended, well or badly.
    answer: Option<Answer>,
    shutdown: Shutdown,
}

impl Events {
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.pending.pop_front() {
            return Some(event);
        }
        let answer = self.answer.as_mut()?;
        let step = tokio::select! {
            step = answer.next() => step,
            () = self.shutdown.triggered() => Err(answer.interrupt()),
        };
        let (event, ended) = match step {
            Ok(Step::Delta(text)) => (data(&delta(answer, &text)), false),
            Ok(Step::Complete(completion)) => (data(&last_chunk(answer, &completion)), true),
            Err(error) => (data(&error.body()), true),
        };
        if ended {
            self.answer = None;
            self.pending.push_back(Event::default().data("[DONE]"));
        }
        Some(event)
    }
}

fn opening(request: &ChatRequest) -> Vec<Event> {
    let documents = request.wants_documents.then(|| {
        status(
            "documents_unsupported",
            "this version does not read documents: the answer comes from the conversation alone",
        )
    });
    documents.into_iter().chain([status("generating", "the model is answering")]).collect()
}

fn status(status: &str, message: &str) -> Event {
    data(&json!({"object": "chat.status", "status": status, "message": message}))
}

fn delta(answer: &Answer, text: &str) -> Value {
    chunk(answer, &json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]))
}

fn last_chunk(answer: &Answer, completion: &Completion) -> Value {
    let mut last = chunk(answer, &json!([{"index": 0, "delta": {}, "finish_reason": completion.finish}]));
    last["citations"] = json!([]);
    last["sources"] = json!([]);
    last["timing"] = json!(completion.timing);
    last["usage"] = json!(completion.usage);
    last
}

fn chunk(answer: &Answer, choices: &Value) -> Value {
    json!({
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model_id,
        "choices": choices,
    })
}

/// One line, as JSON escapes every line break.
fn data(value: &Value) -> Event {
    Event::default().data(value.to_string())
}
