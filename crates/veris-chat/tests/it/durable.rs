//! What a conversation survives: the program is killed, and started again on what it left.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::program::{Program, metadata_service};

fn environment(bedrock: &FakeBedrock) -> String {
    format!("AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://{}\n", bedrock.address)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_mid_answer_the_server_has_every_complete_turn_and_no_half_one() {
    let half = Script::Stream(vec![Act::Text("Half an ans"), Act::Silence]);
    let bedrock = FakeBedrock::start([says(&["Blue."]), half, says(&["Because."])]).await;
    let (env, metadata) = (environment(&bedrock), metadata_service(true).await);
    tokio::task::spawn_blocking(move || {
        let directory = tempfile::tempdir().unwrap();
        let program = Program::start_in(&directory, &env, metadata);
        assert!(program.ask("Colour?").contains("data: [DONE]"));
        let mut connection = program.send("Never answered");
        let (mut received, mut buffer) = (String::new(), [0; 4096]);
        while !received.contains("Half an ans") {
            let count = connection.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "{received}");
            received.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        // Dropping the program kills it with SIGKILL.
        drop(program);

        let program = Program::start_in(&directory, &env, metadata);
        assert!(program.ask("Why?").contains("Because."));
        let mode = std::fs::metadata(directory.path().join("sessions.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else may read conversations");
    })
    .await
    .unwrap();
    assert_eq!(
        bedrock.calls()[2].body["messages"],
        json!([
            {"role": "user", "content": [{"text": "Colour?"}]},
            {"role": "assistant", "content": [{"text": "Blue."}]},
            {"role": "user", "content": [{"text": "Why?"}]},
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_cannot_be_written_costs_only_the_memory_and_is_said() {
    let bedrock = FakeBedrock::start([says(&["Blue."])]).await;
    let (env, metadata) = (environment(&bedrock), metadata_service(true).await);
    let (answer, log) = tokio::task::spawn_blocking(move || {
        let directory = tempfile::tempdir().unwrap();
        // A folder in the place of the file stands for every reason; to root, which may run this test, modes are none.
        std::fs::create_dir(directory.path().join("sessions.db")).unwrap();
        let program = Program::start_in(&directory, &env, metadata);
        let earlier = program.said_at_start.clone();
        (program.ask("Colour?"), earlier)
    })
    .await
    .unwrap();
    assert!(answer.contains("Blue."), "{answer}");
    assert!(log.contains("conversations are kept in memory and end with this process"), "{log}");
}
