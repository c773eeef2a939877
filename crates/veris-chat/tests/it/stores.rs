//! The same conversations in each store, by the program itself.

use std::io::Read;

use serde_json::Value;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::moto::Moto;
use crate::program::{Program, metadata_service};

fn table(moto: &Moto) -> String {
    let store = "SESSION_STORE=dynamodb://ap-southeast-2/veris-sessions";
    format!("{store}\nAWS_ENDPOINT_URL_DYNAMODB={}\n", moto.url())
}

fn turns(call: &Value) -> Vec<String> {
    let texts = call["messages"].as_array().unwrap().iter().map(|turn| turn["content"][0]["text"].as_str().unwrap());
    texts.map(ToOwned::to_owned).collect()
}

/// A conversation, a kill, the conversation again, and its end.
async fn story(store: &str) -> Vec<Vec<String>> {
    let bedrock = FakeBedrock::start(["Blue.", "Because.", "Nobody."].map(|answer| says(&[answer]))).await;
    let metadata = metadata_service(true).await;
    let env = format!("AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://{}\n{store}", bedrock.address);
    tokio::task::spawn_blocking(move || {
        let directory = tempfile::tempdir().unwrap();
        let program = Program::start_in(&directory, &env, metadata);
        assert!(program.ask("Colour?").contains("Blue."));
        drop(program);
        let program = Program::start_in(&directory, &env, metadata);
        assert!(program.ask("Why?").contains("Because."));
        assert!(program.forget().contains(r#""deleted":true"#));
        assert!(program.forget().contains(r#""deleted":false"#));
        assert!(program.ask("Who?").contains("Nobody."));
    })
    .await
    .unwrap();
    bedrock.calls().iter().map(|call| turns(&call.body)).collect()
}

const HEARD: [&[&str]; 3] = [&["Colour?"], &["Colour?", "Blue.", "Why?"], &["Who?"]];

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_in_a_file_survives_a_kill_and_ends_when_it_is_deleted() {
    assert_eq!(story("").await, HEARD);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_in_dynamodb_survives_a_kill_and_ends_when_it_is_deleted() {
    let moto = match tokio::task::spawn_blocking(Moto::start).await.unwrap() {
        Ok(moto) => moto,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    assert_eq!(story(&table(&moto)).await, HEARD);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_machines_that_answer_in_one_session_the_later_one_is_told() {
    let moto = match tokio::task::spawn_blocking(Moto::start).await.unwrap() {
        Ok(moto) => moto,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let slow = Script::Stream(vec![Act::Text("Slow"), Act::Pause, Act::Text("ly."), Act::Stop("end_turn"), Act::Usage]);
    let (one, two) = (FakeBedrock::start([slow]).await, FakeBedrock::start([says(&["Fast."]), says(&["Yes."])]).await);
    let metadata = metadata_service(true).await;
    let env = |bedrock: &FakeBedrock| {
        format!("AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://{}\n{}", bedrock.address, table(&moto))
    };
    let (first_env, second_env, go_on) = (env(&one), env(&two), one.go_on_later());
    let slow_answer = tokio::task::spawn_blocking(move || {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let first = Program::start_in(&directories[0], &first_env, metadata);
        let second = Program::start_in(&directories[1], &second_env, metadata);
        let mut connection = first.send("Slow question");
        let (mut received, mut buffer) = (String::new(), [0; 4096]);
        while !received.contains("Slow") {
            let count = connection.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "{received}");
            received.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        assert!(second.ask("Fast question").contains("Fast."));
        go_on.notify_one();
        connection.read_to_string(&mut received).unwrap();
        assert!(second.ask("And?").contains("Yes."));
        received
    })
    .await
    .unwrap();
    assert!(slow_answer.contains(r#""code":"session_overtaken""#), "{slow_answer}");
    assert_eq!(turns(&two.calls()[1].body), ["Fast question", "Fast.", "And?"]);
}
