//! Build instances that go on from a guest that was saved when it had booted.

use std::collections::HashSet;

use super::*;

/// Tells what must not be the same in two machines.
const TELL: &str = r#"#!/bin/sh
set -eu
echo "time: $(date +%s)"
echo "random: $(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')"
echo "volume: $(df --output=size --block-size=1G / | tail -n 1 | tr -d ' ')"
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
echo "instance: $(curl -sf -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id)"
echo "left by another: $(ls /root)"
touch /root/was-here
echo '::exit 0'
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_build_instance_goes_on_where_one_was_saved_and_is_another_one() {
    let Some(parent) = parent() else { return };
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().canonicalize().unwrap();
    let layout = Layout { directory: place.join("cloud"), cache: place.join("cache") };
    fs_err::create_dir(&layout.directory).unwrap();
    // A cache of its own, in which nothing is saved yet.
    let own = layout.cache.join("parents").join(&parent.digest);
    fs_err::create_dir_all(&own).unwrap();
    for name in ["disk.qcow2", "vmlinuz", "initrd", "manifest.json"] {
        std::os::unix::fs::symlink(parent.directory.join(name), own.join(name)).unwrap();
    }
    let parent = parent_image::ensure(&layout.cache, &Choice::BuiltIn, &mut |_| ()).unwrap();
    let _sweeper = Sweeper(layout.clone());
    let cloud = cloud(&layout, &parent);
    let _link = tokio::spawn(guest_link::listen(Arc::clone(&cloud)));

    let first = tell(&cloud, directory.path()).await;
    assert!(first.console.contains("Linux version"), "the first one boots: {}", first.console);
    let saved: Vec<_> = fs_err::read_dir(own.join("booted")).unwrap().collect();
    assert_eq!(saved.len(), 1, "{saved:?}");

    let others = [tell(&cloud, directory.path()).await, tell(&cloud, directory.path()).await];
    for other in &others {
        assert!(!other.console.contains("Linux version"), "it does not boot: {}", other.console);
    }
    assert!(
        [&first, &others[0], &others[1]].iter().all(|told| told.volume == "9"),
        "the volume is larger than the image"
    );
    let random: HashSet<_> = others.iter().map(|told| &told.random).collect();
    assert_eq!(random.len(), 2, "{random:?}");

    // Whatever cannot be used is as if it were not there.
    for memory in saved.into_iter().map(|entry| entry.unwrap().path().join("memory")) {
        fs_err::write(memory, "no memory").unwrap();
    }
    let last = tell(&cloud, directory.path()).await;
    assert!(last.console.contains("Linux version"), "it boots: {}", last.console);
}

struct Told {
    random: String,
    volume: String,
    console: String,
}

/// What an instance tells of itself, where all that can be known of it from outside is right.
async fn tell(cloud: &Arc<Cloud>, directory: &Path) -> Told {
    let seed = directory.join("seed.tar");
    pack(&seed, directory, TELL);
    let asked = LaunchRequest {
        image_id: "ami-00000000000000000".into(),
        instance_type: "t3.micro".into(),
        volume_gib: Some(9),
        agent_seed: Some(seed),
        ..LaunchRequest::default()
    };
    let id = cloud.compute.launch(asked).await.unwrap().instance_id;
    let off = cloud.compute.wait_until_off(&id, PATIENCE).await;
    let (log, console) = (cloud.compute.agent_log(&id), cloud.compute.console(&id));
    off.unwrap_or_else(|fault| panic!("{fault}\n{log}\n{console}"));
    let line = |name: &str| {
        let told = log.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        told.unwrap_or_else(|| panic!("{name}: {log}")).to_owned()
    };
    let late = jiff::Timestamp::now().as_second() - line("time").parse::<i64>().unwrap();
    assert!((0..60).contains(&late), "its clock is right: {late} s");
    assert_eq!(line("instance"), id);
    assert_eq!(line("left by another"), "");
    cloud.compute.terminate(&id).await.unwrap();
    Told { random: line("random"), volume: line("volume"), console }
}
