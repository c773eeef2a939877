//! What holds for every answer, whatever was asked and whatever Bedrock said.

use serde_json::Value;

use crate::Answered;

/// The events of a stream, `[DONE]` excluded, which must be the last one.
pub fn events(answer: &Answered) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let whole = answer.body.strip_suffix("data: [DONE]\n\n").expect("[DONE] is the last event");
    let mut events = Vec::new();
    for block in whole.split_terminator("\n\n") {
        let mut lines = block.split(['\n', '\r']);
        let line = lines.next().expect("a block is not empty");
        assert_eq!(lines.next(), None, "an event is one line: {block:?}");
        if !line.starts_with(':') {
            let data = line.strip_prefix("data: ").expect("a line is data or a comment");
            events.push(serde_json::from_str(data).expect("data is JSON"));
        }
    }
    events
}

/// The text of a streamed answer.
pub fn text(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

/// A refusal has a status of its own and says what is wrong.
pub fn assert_refused(answer: &Answered, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status.as_u16()), "{}: {}", answer.status, answer.body);
    let body: Value = serde_json::from_str(&answer.body).expect("a refusal is JSON");
    assert_error(&body);
}

/// The words of an error, in a document or in a stream.
pub fn assert_error(body: &Value) {
    for field in ["message", "type", "code"] {
        assert!(body["error"][field].as_str().is_some_and(|text| !text.is_empty()), "no `{field}` in {body}");
    }
}

/// Bedrock refuses a conversation in which somebody speaks twice in a row or says nothing, or in which the user is not the first and the last.
pub fn assert_alternates(asked: &Value) {
    let messages = asked["messages"].as_array().expect("there are messages");
    assert_eq!(messages.len() % 2, 1, "{asked}");
    for (index, message) in messages.iter().enumerate() {
        assert_eq!(message["role"], if index % 2 == 0 { "user" } else { "assistant" }, "{asked}");
        let text = message["content"][0]["text"].as_str().expect("a text");
        assert!(!text.trim().is_empty(), "{asked}");
    }
}
