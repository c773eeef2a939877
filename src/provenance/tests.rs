use std::io::Write as _;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::digest::Sha256Digest;
use crate::manifest::{Input, InputKind, Manifest, Parent, RecipeFields};

/// As openssl writes them.
fn keys() -> (SigningKey, PublicKey) {
    let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let spki = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".as_slice(), pair.public_key().as_ref()].concat();
    let file = |label: &str, der: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).unwrap();
        file
    };
    let (private, public) = (file("PRIVATE KEY", document.as_ref()), file("PUBLIC KEY", &spki));
    (SigningKey::read(private.path()).unwrap(), PublicKey::read(public.path()).unwrap())
}

fn baked() -> (BakedImage, Record) {
    let digest = Sha256Digest::of("everything");
    let input = |name: &str| Input {
        kind: InputKind::File,
        name: name.to_owned(),
        file: "file".to_owned(),
        mode: None,
        sha256: Sha256Digest::of(name),
        bytes: 4,
    };
    let image = BakedImage {
        image_id: "ami-1".to_owned(),
        service: "chat".to_owned(),
        version: semver::Version::new(1, 0, 0),
        digest: digest.to_string(),
        commit: "c0ffee".to_owned(),
        created: None,
        state: "available".to_owned(),
    };
    let manifest = Manifest {
        form: Manifest::FORM,
        service: "chat".to_owned(),
        version: image.version.clone(),
        parent: Parent { image: "ami-0".to_owned(), name: "al2023".to_owned(), release: None },
        recipe: RecipeFields {
            device: "/dev/xvda".to_owned(),
            size_gib: 8,
            volume_type: "gp3".to_owned(),
            encryption: None,
            port: 8000,
            env_file: "/etc/chat/.env".to_owned(),
        },
        inputs: vec![input("/opt/chat"), input("/etc/chat/config.yaml")],
        crates: Vec::new(),
    };
    (image, Record { digest, commit: "c0ffee".to_owned(), manifest })
}

#[test]
fn what_was_signed_is_read_with_the_public_half_and_holds() {
    let (signing, public) = keys();
    let (image, record) = baked();
    let statement = Statement::of(&image, &record, None);
    let envelope = Envelope::seal(&statement, &signing);
    let bytes = serde_json::to_vec(&envelope).unwrap();
    let opened = Envelope::parse(&bytes).unwrap().open(&public).unwrap();
    assert_eq!(opened, statement);
    assert_eq!(opened.differences(&image, &record), [""; 0]);
    assert_eq!(signing.id(), public.id());
    insta::assert_snapshot!(crate::manifest::text(&statement));
}

#[test]
fn another_key_another_text_and_another_type_are_refused() {
    let (signing, public) = keys();
    let (image, record) = baked();
    let envelope = Envelope::seal(&Statement::of(&image, &record, None), &signing);
    let (_, stranger) = keys();
    assert!(envelope.open(&stranger).unwrap_err().starts_with("no signature is by the key"));
    let payload = STANDARD.encode(STANDARD.decode(&envelope.payload).unwrap().repeat(2));
    assert!(Envelope { payload, ..envelope.clone() }.open(&public).is_err());
    let payload_type = "text/plain".to_owned();
    assert!(Envelope { payload_type, ..envelope.clone() }.open(&public).unwrap_err().contains("of the type"));
    assert!(Envelope { signatures: Vec::new(), ..envelope }.open(&public).is_err());
}

#[test]
fn a_statement_about_something_else_is_told_from_this_image() {
    let (image, record) = baked();
    let statement = Statement::of(&image, &record, None);
    let other = BakedImage { image_id: "ami-2".to_owned(), ..image.clone() };
    assert!(statement.differences(&other, &record)[0].starts_with("it is about ami-1"));
    let mut changed = record.clone();
    changed.manifest.inputs[0].sha256 = Sha256Digest::of("another binary");
    let differences = statement.differences(&image, &changed);
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert!(differences[0].contains("it names /opt/chat"), "{differences:?}");
}

#[test]
fn what_is_no_key_is_refused_with_the_command_that_makes_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    for error in [SigningKey::read(file.path()).unwrap_err(), PublicKey::read(file.path()).unwrap_err()] {
        let report = crate::error::Report::new(&error.into()).to_string();
        assert!(report.contains("Ed25519") && report.contains("openssl genpkey"), "{report}");
    }
}
