//! A client of the chat service, as its users have one.

use std::time::Duration;

use serde_json::{Value, json};

/// One session with the service.
pub(crate) struct Chat {
    url: String,
    session: String,
}

impl Chat {
    pub(crate) fn new(url: &str, session: &str) -> Self {
        Self { url: url.to_owned(), session: session.to_owned() }
    }

    /// Sends a message and collects the answer from the stream, whose form it checks.
    pub(crate) fn say(&mut self, message: &str) -> String {
        let body = json!({ "session_id": self.session, "message": message }).to_string();
        let stream = agent()
            .post(format!("{}/chat/stream/", self.url))
            .content_type("application/json")
            .send(&body)
            .unwrap_or_else(|error| panic!("no answer to {message:?}: {error}"))
            .body_mut()
            .read_to_string()
            .unwrap();
        let events: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let (done, events) = events.split_last().expect("the stream is empty");
        assert_eq!(*done, "[DONE]", "{stream}");
        let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        assert_eq!(events[0]["object"], "chat.status", "{stream}");
        let chunks: Vec<&Value> = events.iter().filter(|event| event["object"] == "chat.completion.chunk").collect();
        assert!(chunks.len() > 3, "the answer did not come word by word: {stream}");
        assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop", "{stream}");
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
    }
}

pub(crate) fn get(url: &str) -> String {
    let answer = agent().get(url).call();
    answer.unwrap_or_else(|error| panic!("no answer from {url}: {error}")).body_mut().read_to_string().unwrap()
}

pub(crate) fn post(url: &str, body: &str) -> String {
    // A refusal's text says more than its status.
    let answer = agent().post(url).content_type("application/json").config().http_status_as_error(false).build();
    let answer = answer.send(body);
    answer.unwrap_or_else(|error| panic!("no answer from {url}: {error}")).body_mut().read_to_string().unwrap()
}

/// The version that answers at the address.
pub(crate) fn version(url: &str) -> String {
    let answer: Value = serde_json::from_str(&get(&format!("{url}/version"))).unwrap();
    answer["version"].as_str().unwrap().to_owned()
}

/// A new connection for each call: after a move of the address an old one would lead to the old guest.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_mins(2)))
        .max_idle_connections(0)
        .proxy(None)
        .build()
        .into()
}
