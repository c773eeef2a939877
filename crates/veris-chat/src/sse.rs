//! An answer as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::timeout;

use crate::answer::{Answer, Head, Step};
use crate::api_error::ApiError;

/// A refusal within this time has a status of its own; later ones are told in the stream, which must begin.
const PATIENCE: Duration = Duration::from_secs(1);
/// Shorter than the idle limit of every common proxy.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ALIVE: &str = "keep-alive";

/// Puts a step into the words of one contract; a step can be several events, or none.
pub(crate) type Words = fn(&Head, &Step) -> Vec<Event>;

/// Begins the stream.
pub(crate) async fn respond(mut answer: Answer, words: Words) -> Result<Response, ApiError> {
    let mut pending = VecDeque::new();
    match timeout(PATIENCE, answer.next()).await {
        Ok(step) => {
            let step = step?;
            pending.extend(words(&answer.head, &step));
            if let Step::Complete(_) = step {
                pending.push_back(done());
                return Ok(response(Events { pending, answer: None, words }));
            }
        }
        Err(_) => pending.push_back(Event::default().comment(ALIVE)),
    }
    Ok(response(Events { pending, answer: Some(answer), words }))
}

fn response(events: Events) -> Response {
    let stream = futures_util::stream::unfold(events, async |mut events| {
        events.next().await.map(|event| (Ok::<_, Infallible>(event), events))
    });
    let sse = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text(ALIVE));
    // A proxy that collects the pieces would turn the stream into one late answer.
    let headers = [(CACHE_CONTROL, "no-cache, no-transform"), (HeaderName::from_static("x-accel-buffering"), "no")];
    (headers, sse).into_response()
}

/// Pulled by the connection: nothing is read from Bedrock much faster than the client takes it.
struct Events {
    pending: VecDeque<Event>,
    /// Gone once the answer has ended, well or badly.
    answer: Option<Answer>,
    words: Words,
}

impl Events {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            let answer = self.answer.as_mut()?;
            let step = answer.next().await;
            let ended = matches!(step, Ok(Step::Complete(_)) | Err(_));
            match step {
                Ok(step) => self.pending.extend((self.words)(&answer.head, &step)),
                Err(error) => self.pending.push_back(event(&error.body())),
            }
            if ended {
                self.answer = None;
                self.pending.push_back(done());
            }
        }
    }
}

/// One line, as JSON escapes every line break.
pub(crate) fn event(value: &impl Serialize) -> Event {
    Event::default().json_data(value).expect("what we say has only keys that are strings")
}

fn done() -> Event {
    Event::default().data("[DONE]")
}
