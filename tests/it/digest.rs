//! The bake digest: it changes with every input, and with nothing else.

use veris::digest::{FileInput, Inputs, Sha256Digest, VolumeInput};

fn file(name: &str, content: &str) -> FileInput {
    FileInput { name: name.to_owned(), mode: Some("0644".to_owned()), sha256: Sha256Digest::of(content) }
}

fn inputs() -> Inputs {
    Inputs {
        service: "chat".to_owned(),
        version: semver::Version::new(1, 0, 0),
        parent_image: "ami-00a51cc7a8cd53e3f".to_owned(),
        volume: VolumeInput { device: "/dev/xvda".to_owned(), size_gib: 30, kind: "gp3".to_owned(), encryption: None },
        binary: file("/opt/chat/chat", "binary"),
        components: vec![file("chat-10-base", "base"), file("chat-20-chat", "chat")],
        units: vec![file("chat.service", "unit"), file("chat.timer", "timer")],
        files: vec![file("/etc/chat/a", "a"), file("/etc/chat/b", "b")],
    }
}

#[test]
fn the_digest_of_the_same_inputs_never_changes() {
    // If this fails, every image that was ever baked would be baked again.
    insta::assert_snapshot!(inputs().digest(), @"f1cf8edef193032c050c66e092c6550d6cb6c07e2ea5457952939eb691b4192c");
}

#[test]
fn every_input_counts() {
    let changes: [fn(&mut Inputs); 17] = [
        |inputs| inputs.service.push('2'),
        |inputs| inputs.version.patch += 1,
        |inputs| inputs.parent_image.push('0'),
        |inputs| inputs.volume.device.push('b'),
        |inputs| inputs.volume.size_gib += 1,
        |inputs| inputs.volume.kind = "gp2".to_owned(),
        |inputs| inputs.volume.encryption = Some("default".to_owned()),
        |inputs| inputs.binary = file("/opt/chat/chat", "other binary"),
        |inputs| inputs.binary.name.push('2'),
        |inputs| inputs.components[1] = file("chat-20-chat", "other component"),
        |inputs| inputs.components.swap(0, 1),
        |inputs| drop(inputs.components.pop()),
        |inputs| inputs.units[0] = file("chat.service", "other unit"),
        |inputs| drop(inputs.units.pop()),
        |inputs| inputs.files[0].mode = Some("0600".to_owned()),
        |inputs| inputs.files[0].name.push('2'),
        |inputs| inputs.files.push(inputs.units[0].clone()),
    ];
    let mut digests = vec![inputs().digest()];
    for (index, change) in changes.iter().enumerate() {
        let mut other = inputs();
        change(&mut other);
        let digest = other.digest();
        assert!(!digests.contains(&digest), "change {index} left the digest as it was");
        digests.push(digest);
    }
}

#[test]
fn the_order_of_units_and_files_means_nothing() {
    let mut shuffled = inputs();
    shuffled.units.reverse();
    shuffled.files.reverse();
    assert_eq!(shuffled.digest(), inputs().digest());
}

proptest::proptest! {
    #[test]
    fn two_texts_never_run_into_each_other(a in ".{0,8}", b in ".{0,8}", c in ".{0,8}", d in ".{0,8}") {
        let with = |service: &str, parent: &str| {
            let mut inputs = inputs();
            inputs.service = service.to_owned();
            inputs.parent_image = parent.to_owned();
            inputs.digest()
        };
        proptest::prop_assert_eq!(with(&a, &b) == with(&c, &d), (a, b) == (c, d));
    }
}
