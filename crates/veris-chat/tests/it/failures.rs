//! What clients are told when there is no answer.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::server::{call, json, post, readable, state, state_with, text};

#[tokio::test]
async fn each_refusal_of_bedrock_has_a_status_a_cause_and_a_cure() {
    let refusals = [
        (
            403,
            "AccessDeniedException",
            "User: arn:aws:sts::123456789012:assumed-role/r/i is not authorized to perform: bedrock:InvokeModelWithResponseStream with an explicit deny in a service control policy",
        ),
        (403, "AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/r/i is not authorized"),
        (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        (400, "ValidationException", "The provided model identifier is invalid."),
        (400, "ValidationException", "Invocation of model ID x with on-demand throughput isn\u{2019}t supported."),
        (400, "ValidationException", "Input is too long for requested model."),
        (400, "ValidationException", "messages: roles must alternate"),
        (404, "ResourceNotFoundException", "Model not found."),
        (429, "ThrottlingException", "Too many tokens, please wait before trying again."),
        (408, "ModelTimeoutException", "Processing time exceeds the model timeout length."),
        (424, "ModelErrorException", "The model failed."),
        (500, "InternalServerException", "Internal error."),
        (503, "ServiceUnavailableException", "Busy."),
        (418, "SomethingNewException", "?"),
    ];
    let mut report = Vec::new();
    for (status, code, message) in refusals {
        let bedrock = FakeBedrock::start([Script::Refuse { status, code, message }]).await;
        let response = post(&state(&bedrock), "/chat/stream/", &json!({"session_id": "a", "message": "Hi"})).await;
        let (status, retry_after) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
        let body = text(response).await;
        assert!(!body.contains("arn:"), "an ARN leaked: {body}");
        report.push(format!("{code}: {message}\n  {status} retry-after={retry_after:?}\n  {body}"));
    }
    insta::assert_snapshot!(report.join("\n"));
}

#[tokio::test]
async fn a_model_outside_the_rule_is_named_with_the_profile_to_use() {
    let policy = Script::Refuse {
        status: 403,
        code: "AccessDeniedException",
        message: "explicit deny in a service control policy",
    };
    let bedrock = FakeBedrock::start([policy]).await;
    let state = state_with(&bedrock, "model_id: anthropic.claude-opus-4-5-20251101-v1:0");
    let body = json(post(&state, "/chat/", &json!({"session_id": "a", "message": "Hi"})).await).await;
    insta::assert_snapshot!(body["error"]["message"].as_str().unwrap(), @"the organisation's policy denies model `anthropic.claude-opus-4-5-20251101-v1:0`: set MODEL_ID to the inference profile `us.anthropic.claude-opus-4-5-20251101-v1:0`");
}

#[tokio::test]
async fn a_failure_after_the_first_words_is_told_in_the_stream() {
    let endings = [
        ("throttled", vec![Act::Text("half"), Act::Exception("throttlingException", "slow down")]),
        ("failed", vec![Act::Text("half"), Act::Exception("modelStreamErrorException", "broken")]),
        ("failed in a new way", vec![Act::Text("half"), Act::Exception("somethingNewException", "?")]),
        ("ended without a stop", vec![Act::Text("half")]),
    ];
    let mut report = Vec::new();
    for (name, acts) in endings {
        let bedrock = FakeBedrock::start([Script::Stream(acts)]).await;
        let events =
            text(post(&state(&bedrock), "/chat/stream/", &json!({"session_id": "a", "message": "Hi"})).await).await;
        report.push(format!("{name}\n{}\n", readable(&events).replace("\n\n", "\n")));
    }
    insta::assert_snapshot!(report.join("\n"));
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_in_the_stream() {
    let bedrock = FakeBedrock::start([Script::Stream(vec![Act::Text("half"), Act::Cut])]).await;
    let response = post(&state(&bedrock), "/chat/stream/", &json!({"session_id": "a", "message": "Hi"})).await;
    let mut body = response.into_body();
    let mut events = String::new();
    while !events.contains("half") {
        let frame = body.frame().await.unwrap().unwrap();
        events.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    bedrock.go_on();
    let rest = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    insta::assert_snapshot!(rest.trim_end(), @r#"
    data: {"error":{"message":"the connection to Bedrock in us-east-1 failed: check the network of the instance, and send the message again","type":"upstream_error","code":"upstream_unavailable"}}

    data: [DONE]
    "#);
}

#[tokio::test]
async fn frames_that_are_cut_anywhere_make_the_same_answer() {
    let crumbs = Script::Stream(vec![Act::Crumbs("One, "), Act::Crumbs("zwei — 三."), Act::Stop("end_turn")]);
    let bedrock = FakeBedrock::start([crumbs]).await;
    let answer = json(post(&state(&bedrock), "/chat/", &json!({"session_id": "a", "message": "Hi"})).await).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "One, zwei — 三.");
}

#[tokio::test]
async fn a_damaged_frame_is_an_error_in_the_stream_and_leaves_the_session_as_it_was() {
    let damaged = Script::Stream(vec![Act::Text("half"), Act::Damaged("wrong"), Act::Stop("end_turn")]);
    let bedrock = FakeBedrock::start([damaged, says(&["Fine."])]).await;
    let state = state(&bedrock);
    let ask = async |message| {
        text(post(&state, "/chat/stream/", &json!({"session_id": "a", "message": message})).await).await
    };
    let events = ask("First").await;
    assert!(events.contains("half") && !events.contains("wrong"), "{events}");
    assert!(events.contains(r#"{"error":{"message":"#) && events.ends_with("data: [DONE]\n\n"), "{events}");
    assert!(ask("Second").await.contains("Fine."));
    assert_eq!(bedrock.calls()[1].body["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_on_the_plain_endpoint_too() {
    let bedrock = FakeBedrock::start([Script::Stream(vec![Act::Text("half")])]).await;
    let response = post(&state(&bedrock), "/chat/", &json!({"session_id": "a", "message": "Hi"})).await;
    assert_eq!(response.status(), 502);
    assert_eq!(json(response).await["error"]["code"], "upstream_error");
}

#[tokio::test]
async fn requests_that_cannot_be_answered_never_reach_bedrock() {
    let long_id = "x".repeat(257);
    let long_message = "é".repeat(32_001);
    let bodies = [
        json!({"message": "no session"}),
        json!({"session_id": "a"}),
        json!({"session_id": 7, "message": "x"}),
        json!({"session_id": "", "message": "x"}),
        json!({"session_id": "a\nb", "message": "x"}),
        json!({"session_id": long_id, "message": "x"}),
        json!({"session_id": "a", "message": "  \n"}),
        json!({"session_id": "a", "message": long_message}),
        json!({"session_id": "a", "message": "x".repeat(300_000)}),
    ];
    let bedrock = FakeBedrock::start([]).await;
    let state = state(&bedrock);
    let mut report = Vec::new();
    for body in bodies {
        let response = post(&state, "/chat/stream/", &body).await;
        report.push(format!("{} {}", response.status(), text(response).await));
    }
    let plain = Request::post("/chat/").body(Body::from(r#"{"session_id":"a","message":"x"}"#)).unwrap();
    let response = call(&state, plain).await;
    report.push(format!("{} {}", response.status(), text(response).await));
    insta::assert_snapshot!(report.join("\n"));
    assert!(bedrock.calls().is_empty());
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_errors() {
    let state = state(&FakeBedrock::start([]).await);
    let answers = async |request: Request<Body>| {
        let response = call(&state, request).await;
        (response.status().as_u16(), json(response).await["error"]["code"].clone())
    };
    assert_eq!(answers(Request::get("/nothing").body(Body::empty()).unwrap()).await, (404, Value::from("not_found")));
    assert_eq!(
        answers(Request::get("/chat/").body(Body::empty()).unwrap()).await,
        (405, Value::from("method_not_allowed"))
    );
}

#[tokio::test]
async fn more_chats_than_allowed_are_turned_away_until_one_ends() {
    let bedrock = FakeBedrock::start([Script::Stream(vec![Act::Text("x"), Act::Silence]), says(&["ok"])]).await;
    let state = state_with(&bedrock, "max_streams: 1");
    let ask = async |session| post(&state, "/chat/stream/", &json!({"session_id": session, "message": "Hi"})).await;

    let first = ask("a").await;
    let refused = ask("b").await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "5"));
    assert_eq!(json(refused).await["error"]["code"], "overloaded");
    drop(first);
    assert_eq!(ask("b").await.status(), 200);
}
