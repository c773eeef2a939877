//! The stock Python SDK calls everything that the tool calls, and each answer, errors included, is held against the SDK's own
//! model of the service: what the model does not have, botocore would pass over in silence.

use std::path::Path;
use std::process::Command;

use local_cloud::Credentials;

use crate::ebs;
use crate::python;
use crate::support::{Sandbox, addressed};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_fits_botocores_model() {
    let python = match python::with("boto3==1.44.8", "boto3") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let cloud = Sandbox::with_state(addressed).await;
    ebs::make_disk(&cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0"), false);
    let credentials = Credentials::load_or_create(&cloud.layout).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/botocore/operations.py");
    let resources =
        ["ami-0a0a0a0a0a0a0a0a0", "i-0c0c0c0c0c0c0c0c0", "eipalloc-0f0f0f0f0f0f0f0f0", "snap-0b0b0b0b0b0b0b0b0"];
    let mut command = Command::new(python);
    command
        .arg(script)
        .arg(&cloud.url)
        .args(resources)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
        .env("AWS_DEFAULT_REGION", "ap-southeast-2")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(told.trim(), @"93 operations, 41 refusals");
}
