//! What a conversation survives: the program is killed, and started again on what it left.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::pdf::pdf;
use crate::program::{Program, metadata_service};
use crate::web::Web;

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
async fn killed_while_a_document_is_kept_the_server_has_all_of_it_or_nothing() {
    let pages: Vec<String> = (0..60).map(|page| format!("{page} Cats\nCat {page} sleeps on a warm roof.")).collect();
    let web = Web::serving(pdf(&pages.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let bedrock = FakeBedrock::start((0..20).map(|_| says(&["On a roof [1]."]))).await;
    let (env, metadata) = (environment(&bedrock), metadata_service(true).await);
    let (config, url) = (format!("max_tokens: 64\n{}", web.config()), web.url("/a.pdf").to_string());
    let kept = tokio::task::spawn_blocking(move || {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.yaml"), config).unwrap();
        let mut kept = Vec::new();
        // Each is killed a little later, from the document's first page to the answer.
        for delay in (10..).step_by(30) {
            let program = Program::start_in(&directory, &env, metadata);
            let mut connection = program.send_about("Where do cats sleep?", &url);
            connection.set_read_timeout(Some(Duration::from_millis(delay))).unwrap();
            let mut answer = String::new();
            let is_whole = connection.read_to_string(&mut answer).is_ok();
            drop(program);
            kept.push(chunks(directory.path()));
            if is_whole {
                assert!(answer.contains("(p."), "{answer}");
                break;
            }
        }
        kept
    })
    .await
    .unwrap();
    let all = *kept.last().unwrap();
    assert!(all >= 60 && kept.iter().all(|count| [0, all].contains(count)), "{kept:?}");
}

/// Chunks of documents in the files that a server has left.
fn chunks(folder: &Path) -> u32 {
    let documents = rusqlite::Connection::open(folder.join("documents.db")).unwrap();
    documents.query_row("SELECT count(*) FROM chunk", [], |row| row.get(0)).unwrap_or_default()
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
