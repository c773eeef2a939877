//! Bedrock's runtime as a guest meets it: frames, the organisation's policy, and rules of conversation.

use std::sync::Arc;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use local_cloud::Cloud;
use local_cloud::service::{self, Caller, Request, Response};
use serde_json::{Value, json};

use crate::support::unserved;

const OPUS: &str = "us.anthropic.claude-opus-4-5-20251101-v1:0";

struct Bedrock {
    cloud: Arc<Cloud>,
    _directory: tempfile::TempDir,
}

impl Bedrock {
    fn new() -> Self {
        let (cloud, directory) = unserved(|_| {});
        Self { cloud, _directory: directory }
    }

    /// Asks as an instance does.
    async fn ask(&self, region: &str, model: &str, operation: &str, body: &Value) -> Response {
        let (instance_id, role) = ("i-0123456789abcdef0".to_owned(), "local-instance-profile".to_owned());
        let caller = Caller::Instance { instance_id, role };
        self.send(Request { caller, ..request(region, model, operation, body) }).await
    }

    async fn send(&self, request: Request) -> Response {
        service::bedrock::handle(&self.cloud, request).await
    }
}

/// The operator's request.
fn request(region: &str, model: &str, operation: &str, body: &Value) -> Request {
    Request {
        method: hyper::Method::POST,
        path: format!("/model/{}/{operation}", model.replace(':', "%3A").replace('/', "%2F")),
        query: Vec::new(),
        headers: hyper::HeaderMap::new(),
        body: body.to_string().into(),
        caller: Caller::Operator,
        region: region.to_owned(),
    }
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": [{"text": text}]})
}

fn assistant(text: &str) -> Value {
    json!({"role": "assistant", "content": [{"text": text}]})
}

async fn body(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn refusal(response: Response) -> String {
    let (status, code) = (response.status(), response.headers()["x-amzn-errortype"].to_str().unwrap().to_owned());
    let body: Value = serde_json::from_slice(&body(response).await).unwrap();
    format!("{} {code}: {}", status.as_u16(), body["message"].as_str().unwrap())
}

/// Type and payload of every event in a stream.
fn events(stream: &[u8]) -> Vec<(String, Value)> {
    let mut decoder = MessageFrameDecoder::new();
    let mut rest = BytesMut::from(stream);
    let mut events = Vec::new();
    while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut rest).unwrap() {
        let header = |name: &str| {
            let found = message.headers().iter().find(|header| header.name().as_str() == name).unwrap();
            found.value().as_string().unwrap().as_str().to_owned()
        };
        assert_eq!((header(":message-type"), header(":content-type")), ("event".into(), "application/json".into()));
        events.push((header(":event-type"), serde_json::from_slice(message.payload()).unwrap()));
    }
    assert!(rest.is_empty(), "{} bytes are no frame", rest.len());
    events
}

#[tokio::test]
async fn an_answer_streams_word_by_word() {
    let bedrock = Bedrock::new();
    let request = json!({
        "messages": [user("What is a rollback?"), assistant("Going back."), user("Elaborate on that")],
        "system": [{"text": "Answer briefly."}, {"cachePoint": {"type": "default"}}],
        "requestMetadata": {"session": "1"},
    });
    let response = bedrock.ask("us-east-1", OPUS, "converse-stream", &request).await;
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    let events = events(&body(response).await);
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds[0], "messageStart");
    assert!(kinds[1..kinds.len() - 3].iter().all(|kind| *kind == "contentBlockDelta"));
    assert_eq!(kinds[kinds.len() - 3..], ["contentBlockStop", "messageStop", "metadata"]);
    let deltas: Vec<&str> = events.iter().filter_map(|(_, event)| event["delta"]["text"].as_str()).collect();
    assert!(deltas.len() > 20 && deltas.iter().all(|delta| delta.trim().split(' ').count() == 1), "{deltas:?}");
    insta::assert_snapshot!(deltas.concat(), @"This is turn 2 of our conversation, and you said: “Elaborate on that”. Before that you said: “What is a rollback?”, so this goes on from there. I am the local cloud's stand-in for a model: nothing here has left your machine.");
    let usage = &events.last().unwrap().1["usage"];
    assert_eq!(*usage, json!({"inputTokens": 11, "outputTokens": deltas.len(), "totalTokens": 11 + deltas.len()}));

    let whole = bedrock.ask("us-east-1", OPUS, "converse", &request).await;
    let whole: Value = serde_json::from_slice(&body(whole).await).unwrap();
    assert_eq!(whole["output"]["message"]["content"][0]["text"], deltas.concat());
    assert_eq!(whole["stopReason"], "end_turn");
}

#[tokio::test]
async fn the_first_words_arrive_before_the_last_ones_are_spoken() {
    let bedrock = Bedrock::new();
    let request = json!({"messages": [user("Hello")]});
    let mut stream = bedrock.ask("us-east-1", OPUS, "converse-stream", &request).await.into_body();
    let mut frames = Vec::new();
    while let Some(frame) = stream.frame().await {
        frames.push(events(&frame.unwrap().into_data().unwrap()).len());
    }
    assert!(frames.len() > 20 && frames.iter().all(|events| *events == 1), "{frames:?}");
}

#[tokio::test]
async fn an_answer_is_cut_where_the_request_says() {
    let bedrock = Bedrock::new();
    for (config, text, reason) in [
        (json!({"maxTokens": 3}), "This is turn ", "max_tokens"),
        (json!({"stopSequences": ["turn"]}), "This is ", "stop_sequence"),
    ] {
        let request = json!({"messages": [user("Hello")], "inferenceConfig": config});
        let answer = body(bedrock.ask("us-east-1", OPUS, "converse", &request).await).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["output"]["message"]["content"][0]["text"], text);
        assert_eq!(answer["stopReason"], reason);
    }
}

#[tokio::test]
async fn the_organisations_policy_is_the_one_that_costs_days() {
    let bedrock = Bedrock::new();
    let request = json!({"messages": [user("Hello")]});
    let mut refusals = Vec::new();
    for (region, model) in [
        ("us-east-1", "anthropic.claude-opus-4-5-20251101-v1:0"),
        ("us-east-1", "global.anthropic.claude-opus-4-5-20251101-v1:0"),
        ("ap-southeast-2", OPUS),
        ("us-east-1", "us.anthropic.claude-opus-99"),
        ("us-east-1", "eu.anthropic.claude-opus-4-5-20251101-v1:0"),
    ] {
        let refused = refusal(bedrock.ask(region, model, "converse-stream", &request).await).await;
        refusals.push(format!("{region} {model}\n  {refused}"));
    }
    let operator = bedrock.send(self::request("us-east-1", OPUS, "converse", &request)).await;
    refusals.push(format!("the operator\n  {}", refusal(operator).await));
    insta::assert_snapshot!(refusals.join("\n"), @"
    us-east-1 anthropic.claude-opus-4-5-20251101-v1:0
      403 AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/local-instance-profile/i-0123456789abcdef0 is not authorized to perform: bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-5-20251101-v1:0 with an explicit deny in a service control policy
    us-east-1 global.anthropic.claude-opus-4-5-20251101-v1:0
      403 AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/local-instance-profile/i-0123456789abcdef0 is not authorized to perform: bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:::foundation-model/anthropic.claude-opus-4-5-20251101-v1:0 with an explicit deny in a service control policy
    ap-southeast-2 us.anthropic.claude-opus-4-5-20251101-v1:0
      400 ValidationException: The provided model identifier is invalid.
    us-east-1 us.anthropic.claude-opus-99
      400 ValidationException: The provided model identifier is invalid.
    us-east-1 eu.anthropic.claude-opus-4-5-20251101-v1:0
      400 ValidationException: The provided model identifier is invalid.
    the operator
      403 AccessDeniedException: User: arn:aws:iam::000000000000:user/local is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.anthropic.claude-opus-4-5-20251101-v1:0 because no identity-based policy allows the bedrock:InvokeModel action
    ");
    let profile = format!("arn:aws:bedrock:us-east-1:000000000000:inference-profile/{OPUS}");
    assert_eq!(bedrock.ask("us-east-1", &profile, "converse", &request).await.status(), 200);
}

#[tokio::test]
async fn a_conversation_that_bedrock_would_refuse_is_refused() {
    let bedrock = Bedrock::new();
    let mut refusals = Vec::new();
    for request in [
        json!({"messages": []}),
        json!({"messages": [assistant("Hello")]}),
        json!({"messages": [user("Hello"), user("Are you there?")]}),
        json!({"messages": [{"role": "user", "content": []}]}),
        json!({"messages": [user("Hello"), assistant(" ")]}),
        json!({"messages": [{"role": "user", "content": [{"image": {}}]}]}),
        json!({"messages": [{"role": "system", "content": []}]}),
        json!({"messages": [user("Hello")], "inferenceConfig": {"maxTokens": 0}}),
        json!({"messages": [user("Hello")], "inferenceConfig": {"temperature": 2}}),
        json!({"messages": [user("Hello")], "toolConfig": {"tools": []}}),
    ] {
        let refused = refusal(bedrock.ask("us-east-1", OPUS, "converse", &request).await).await;
        refusals.push(refused);
    }
    insta::assert_snapshot!(refusals.join("\n"));
    let other = bedrock.ask("us-east-1", OPUS, "invoke-with-response-stream", &json!({})).await;
    assert_eq!(refusal(other).await.split(':').next(), Some("404 UnknownOperationException"));
}

#[tokio::test]
async fn texts_that_share_words_have_vectors_that_are_alike() {
    let bedrock = Bedrock::new();
    let texts = json!({"texts": ["Dogs guard the house", "Cats sleep on roofs", "Who guards? Dogs!"], "input_type": "search_document"});
    let answer = bedrock.ask("us-east-1", "cohere.embed-english-v3", "invoke", &texts).await;
    let answer: Value = serde_json::from_slice(&body(answer).await).unwrap();
    let vectors: Vec<Vec<f64>> = serde_json::from_value(answer["embeddings"].clone()).unwrap();
    assert!(vectors.iter().all(|vector| vector.len() == 1_024));
    let likeness = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b).sum::<f64>();
    assert!(likeness(0, 2) > likeness(1, 2) + 0.2, "{} {}", likeness(0, 2), likeness(1, 2));

    let by_type =
        json!({"texts": ["x"], "input_type": "search_query", "embedding_types": ["float"], "output_dimension": 1024});
    let answer = bedrock.ask("us-east-1", "us.cohere.embed-v4:0", "invoke", &by_type).await;
    let answer: Value = serde_json::from_slice(&body(answer).await).unwrap();
    assert_eq!(answer["embeddings"]["float"][0].as_array().unwrap().len(), 1_024);
    let denied = bedrock.ask("us-east-1", "amazon.titan-embed-text-v2:0", "invoke", &texts).await;
    assert!(refusal(denied).await.contains("service control policy"));
    assert_eq!(bedrock.ask("us-east-1", "cohere.embed-multilingual-v3", "invoke", &texts).await.status(), 200);
    let long = json!({"texts": ["x".repeat(2_049)], "input_type": "search_query"});
    assert!(refusal(bedrock.ask("us-east-1", "cohere.embed-english-v3", "invoke", &long).await).await.contains("2048"));
    let many = json!({"texts": vec!["x"; 97], "input_type": "search_query"});
    assert!(refusal(bedrock.ask("us-east-1", "cohere.embed-english-v3", "invoke", &many).await).await.contains("96"));
}

#[tokio::test]
async fn an_answer_from_documents_cites_the_passage_it_quotes() {
    let bedrock = Bedrock::new();
    let message = "<document-ab id=\"1\">\nDogs guard.\n</document-ab>\n<document-ab id=\"2\">\nCats.\n</document-ab>\n\nWhat do dogs do?";
    let answer = bedrock.ask("us-east-1", OPUS, "converse", &json!({"messages": [user(message)]})).await;
    let answer: Value = serde_json::from_slice(&body(answer).await).unwrap();
    assert_eq!(
        answer["output"]["message"]["content"][0]["text"],
        "The documents say: “Dogs guard.” [1]. You asked: “What do dogs do?”."
    );
}
