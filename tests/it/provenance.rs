//! Who may say where an image came from.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use veris::aws::Clients;
use veris::commands::launch::{Launch, launch};
use veris::environment::Environment;
use veris::error::Report;
use veris::requirements::Requirements;

use crate::stand_in::{Cloud, talk};

/// A key and its public half, as the documentation says to make them. `None`, with the reason, where openssl is not installed.
fn keys(directory: &Path, name: &str) -> Option<[PathBuf; 2]> {
    let [private, public] = ["pem", "pub.pem"].map(|ending| directory.join(format!("{name}.{ending}")));
    if Command::new("openssl").arg("version").output().is_err() {
        skip();
        return None;
    }
    let openssl = |arguments: &[&str], out: &Path| {
        let made = Command::new("openssl").args(arguments).arg("-out").arg(out).output().unwrap();
        assert!(made.status.success(), "{}", talk(&made));
    };
    openssl(&["genpkey", "-algorithm", "ed25519"], &private);
    openssl(&["pkey", "-in", private.to_str().unwrap(), "-pubout"], &public);
    Some([private, public])
}

#[expect(clippy::print_stderr, reason = "a skip needs its reason")]
fn skip() {
    eprintln!("skipped: `openssl` is not installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_signed_and_whoever_has_the_public_key_can_tell() {
    let Some(cloud) = Cloud::up() else { return };
    let directory = tempfile::tempdir().unwrap();
    let Some([private, public]) = keys(directory.path(), "release") else { return };
    let Some([_, stranger]) = keys(directory.path(), "stranger") else { return };
    let verify = |key: &Path| {
        let output = cloud.veris(&["verify-image", "--output", "json", "--public-key"]).arg(key).output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout), talk(&output))
    };
    cloud.json(&["bake"]);
    let (code, _, told) = verify(&public);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("version 1.2.3 is not signed") && told.contains("veris sign 1.2.3 --key"), "{told}");

    let signed = cloud.json(&["sign", "1.2.3", "--key", private.to_str().unwrap()]);
    let payload = STANDARD.decode(signed["envelope"]["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["subject"][0]["name"], signed["imageId"]);
    assert_eq!(openssl_verifies(directory.path(), &public, &signed["envelope"], &payload), Some(true));
    let (code, verified, told) = verify(&public);
    assert_eq!((code, verified.unwrap()["good"].as_bool()), (Some(0), Some(true)), "{told}");
    let (code, verified, _) = verify(&stranger);
    let verified = verified.unwrap();
    assert!(code == Some(1) && verified.to_string().contains("no signature is by the key"), "{verified}");

    // An environment that asks for both takes it; signed by somebody else, or unsigned, it takes it only where that is said.
    let asking = async |key: &Path| {
        let require = Requirements { proven: true, signed: Some(key.to_owned()) };
        let mut context = crate::release::account(&cloud).await;
        context.environment = Environment { require, ..Environment::local() };
        context
    };
    let arguments = Launch { env_file: None, soak: Some(0), ..Launch::default() };
    let refused = Report::new(&launch(&arguments, &asking(&stranger).await).await.unwrap_err()).to_string();
    assert!(refused.contains("no signature is by the key") && refused.contains("--allow-unproven"), "{refused}");
    launch(&arguments, &asking(&public).await).await.unwrap();
    let allowed = Launch { allow_unproven: true, force: true, reason: Some("a drill".to_owned()), ..arguments };
    launch(&allowed, &asking(&stranger).await).await.unwrap();
    let history = cloud.json(&["history"]).to_string();
    assert!(
        history.contains("allowed although no signature is by the key") && history.contains("; a drill"),
        "{history}"
    );

    // Who can write to the bucket, but has no key, says that another commit was baked.
    let uri = signed["uri"].as_str().unwrap().strip_prefix("s3://").unwrap();
    let (bucket, object) = uri.split_once('/').unwrap();
    let forged = String::from_utf8(payload).unwrap().replace("gitCommit\": \"", "gitCommit\": \"0");
    let mut envelope = signed["envelope"].clone();
    envelope["payload"] = STANDARD.encode(forged).into();
    let clients = Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap();
    let put = clients.s3.put_object().bucket(bucket).key(object).body(envelope.to_string().into_bytes().into());
    put.send().await.unwrap();
    assert_eq!(verify(&public).0, Some(1));
}

/// What an independent program says of the signature.
fn openssl_verifies(directory: &Path, public: &Path, envelope: &Value, payload: &[u8]) -> Option<bool> {
    let kind = envelope["payloadType"].as_str()?;
    let signed = [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), payload].concat();
    let signature = STANDARD.decode(envelope["signatures"][0]["sig"].as_str()?).ok()?;
    let [text, sig] = ["signed", "sig"].map(|name| directory.join(name));
    fs_err::write(&text, signed).unwrap();
    fs_err::write(&sig, signature).unwrap();
    let mut verify = Command::new("openssl");
    verify.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"]).arg(public).arg("-in").arg(text);
    Some(verify.arg("-sigfile").arg(sig).output().unwrap().status.success())
}
