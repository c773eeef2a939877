//! Values of `.env` that are kept elsewhere are asked for at each start, with the instance's role.

use crate::fake_bedrock::{FakeBedrock, says};
use crate::moto::Moto;
use crate::program::{Program, metadata_service};

#[tokio::test(flavor = "multi_thread")]
async fn the_program_runs_with_secrets_that_are_in_no_file_of_its_own() {
    let moto = match Moto::start() {
        Ok(moto) => moto,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let bedrock = FakeBedrock::start([says(&["Open."])]).await;
    let metadata = metadata_service(true).await;
    let (url, address) = (moto.url(), bedrock.address);
    let env = format!(
        "AWS_ENDPOINT_URL_SSM={url}\nAWS_ENDPOINT_URL_SECRETS_MANAGER={url}\nAWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://{address}\n\
         API_KEYS=ssm:/veris/prod/api-keys\nMODEL_ID=secretsmanager:veris/prod#MODEL\n"
    );
    let (refused, answered, log) = tokio::task::spawn_blocking(move || {
        let program = Program::start_in(&tempfile::tempdir().unwrap(), &env, metadata);
        let refused = program.ask("Hello?");
        let answered = program.ask_with_key("open sesame", "Hello?");
        (refused, answered, program.stop())
    })
    .await
    .unwrap();
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    assert!(answered.contains("Open."), "{answered}");
    assert_eq!(bedrock.calls()[0].path, "/model/us.model.of-the-secret/converse-stream");
    assert!(!log.contains("sesame"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_there_or_not_given_is_named_and_keeps_the_program_from_starting() {
    let moto = match Moto::start() {
        Ok(moto) => moto,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let (with_role, without) = (metadata_service(true).await, metadata_service(false).await);
    let url = moto.url();
    let told = tokio::task::spawn_blocking(move || {
        let env = |line: &str| format!("AWS_ENDPOINT_URL_SSM={url}\nAWS_ENDPOINT_URL_SECRETS_MANAGER={url}\n{line}\n");
        let told = [
            Program::refuses(&env("QDRANT_API_KEY=ssm:/veris/prod/nothing"), with_role),
            Program::refuses(&env("QDRANT_API_KEY=secretsmanager:nothing"), with_role),
            Program::refuses(&env("QDRANT_API_KEY=secretsmanager:veris/prod#NOTHING"), with_role),
            Program::refuses(&env("QDRANT_API_KEY=ssm:/veris/prod/api-keys"), without),
        ];
        told.join("")
    })
    .await
    .unwrap();
    let errors = told.lines().filter(|line| line.starts_with("error: "));
    let lines = errors.map(|line| match (line.find("in `/"), line.find(".env`")) {
        (Some(from), Some(to)) => format!("{}in `{}", &line[..from], &line[to..]),
        _ => line.to_owned(),
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}
