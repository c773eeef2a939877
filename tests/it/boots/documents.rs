//! A document in the guest: fetched, read by the confined process under the unit's own restrictions, and cited.

use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use serde_json::{Value, json};

use super::chat;
use super::cloud::Cloud;

/// What guests know the local cloud as.
const ENDPOINT: &str = "http://169.254.170.2";
const BUCKET: &str = "veris-local";
const KEY: &str = "library/animals.pdf";

pub(crate) fn are_read_in_the_unit_and_cited(cloud: &Cloud, url: &str) {
    let pages = ["1 Cats\nCats sleep on warm roofs.", "2 Dogs\nDogs guard the house at night."];
    let document = presigned(cloud, crate::pdf::pdf(&pages));
    let body = json!({"session_id": "reader", "message": "What do dogs guard?", "document_urls": [document]});
    let answer: Value = serde_json::from_str(&chat::post(&format!("{url}/chat/"), &body.to_string())).unwrap();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    assert!(text.contains("Dogs guard the house at night."), "{answer}");
    let cited = answer["citations"][0].as_str().unwrap_or_default();
    assert!(cited.starts_with("[animals.pdf (p.2)](http://169.254.170.2/"), "{answer}");
    assert_eq!(answer["sources"][0]["page"], 2, "{answer}");
}

/// Uploads the document, and signs a URL with which a guest may read it.
fn presigned(cloud: &Cloud, document: Vec<u8>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let put = client(cloud, &cloud.endpoint()).put_object().bucket(BUCKET).key(KEY).body(document.into());
        put.send().await.unwrap();
        let day = PresigningConfig::expires_in(Duration::from_hours(24)).unwrap();
        let get = client(cloud, ENDPOINT).get_object().bucket(BUCKET).key(KEY).presigned(day);
        get.await.unwrap().uri().to_owned()
    })
}

fn client(cloud: &Cloud, endpoint: &str) -> aws_sdk_s3::Client {
    let (id, secret) = cloud.keys();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("ap-southeast-2"))
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .endpoint_url(endpoint)
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}
