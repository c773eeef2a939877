//! An answer as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use serde::Serialize;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::answer::{Answer, Head, Step};
use crate::api_error::ApiError;

/// A refusal within this time has a status of its own; later ones are told in the stream, which must begin.
const PATIENCE: Duration = Duration::from_secs(1);
/// Shorter than the idle limit of every common proxy.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ALIVE: &[u8] = b": keep-alive\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

/// Puts a step into the words of one contract; a step can be several events, or none.
pub(crate) type Words = fn(&Head, &Step, &mut Text);

/// Events that are to be sent.
#[derive(Debug, Default)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// One line, as JSON escapes every line break.
    pub(crate) fn event(&mut self, value: &impl Serialize) {
        self.0.extend_from_slice(b"data: ");
        serde_json::to_writer(&mut self.0, value).expect("what we say has only keys that are strings");
        self.0.extend_from_slice(b"\n\n");
    }
}

/// Begins the stream.
pub(crate) async fn respond(mut answer: Answer, words: Words) -> Result<Response, ApiError> {
    let mut text = Text::default();
    let mut ended = false;
    if let Ok(step) = timeout(PATIENCE, answer.next()).await {
        let step = step?;
        words(&answer.head, &step, &mut text);
        ended = matches!(step, Step::Complete(_));
    } else {
        text.0.extend_from_slice(ALIVE);
    }
    if ended {
        text.0.extend_from_slice(DONE);
    }
    let answer = (!ended).then_some(answer);
    let events = Events { text, answer, words, spoke: Instant::now(), silence: Box::pin(sleep(KEEP_ALIVE)) };
    // A proxy that collects the pieces would turn the stream into one late answer.
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(events)).into_response())
}

/// Pulled by the connection: nothing is read from Bedrock much faster than the client takes it. What came meanwhile is sent at once.
struct Events {
    text: Text,
    /// Gone once the answer has ended, well or badly.
    answer: Option<Answer>,
    words: Words,
    spoke: Instant,
    /// Set anew only when it has ended, and not for each event.
    silence: Pin<Box<Sleep>>,
}

impl Events {
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(answer) = &mut self.answer else { return Poll::Pending };
        let step = ready!(answer.poll_next(context));
        let ended = matches!(step, Ok(Step::Complete(_)) | Err(_));
        match step {
            Ok(step) => (self.words)(&answer.head, &step, &mut self.text),
            Err(error) => self.text.event(&error.body()),
        }
        if ended {
            self.answer = None;
            self.text.0.extend_from_slice(DONE);
        }
        Poll::Ready(())
    }

    /// Something to say where nothing was said for a while.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.silence.as_mut().poll(context));
            let until = self.spoke + KEEP_ALIVE;
            let passed = until <= Instant::now();
            self.silence.as_mut().reset(if passed { Instant::now() + KEEP_ALIVE } else { until });
            if passed {
                self.text.0.extend_from_slice(ALIVE);
                return Poll::Ready(());
            }
        }
    }
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        while this.poll_step(context).is_ready() {}
        if this.text.0.is_empty() {
            if this.answer.is_none() {
                return Poll::Ready(None);
            }
            ready!(this.poll_silence(context));
        }
        this.spoke = Instant::now();
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.text.0).into()))))
    }
}
