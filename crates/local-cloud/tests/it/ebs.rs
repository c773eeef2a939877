//! The EBS direct APIs on the wire: a snapshot's disk, block by block.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{Answer, Client, Sandbox, Unsigned, baked, in_session};

const SNAPSHOT: &str = "snap-0b0b0b0b0b0b0b0b0";
const BLOCK: usize = 512 * 1024;

async fn get(client: &Client, target: &str) -> Answer {
    client.send(Unsigned { service: "ebs", method: "GET", target, headers: Vec::new(), body: Vec::new() }).await
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes the disk of [`baked`]'s image over another one. Of both something is seen, and what lies over it of the lower one.
pub(crate) fn make_disk(disk: &Path, compressed: bool) {
    fs_err::create_dir_all(disk.parent().unwrap()).unwrap();
    let path = |name: &str| disk.with_file_name(name).display().to_string();
    let (plain, below, disk) = (path("plain"), path("below.qcow2"), disk.display().to_string());
    run("qemu-img", &["create", "-q", "-f", "qcow2", &plain, "1G"]);
    run("qemu-io", &["-f", "qcow2", "-c", "write -q -P 0x11 448k 128k", "-c", "write -q -P 0x12 100M 64k", &plain]);
    let mut convert = vec!["convert", "-f", "qcow2", "-O", "qcow2"];
    if compressed {
        convert.push("-c");
    }
    convert.extend([plain.as_str(), below.as_str()]);
    run("qemu-img", &convert);
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &below, &disk, "30G"]);
    run("qemu-io", &["-f", "qcow2", "-c", "write -q -P 0x22 512k 1k", "-c", "write -q -P 0x23 29G 64k", &disk]);
}

/// Without QEMU's tools there are no disks.
#[expect(clippy::print_stderr, reason = "a skip needs its reason")]
pub(crate) fn can_make_disks() -> bool {
    let missing = ["qemu-img", "qemu-io"].into_iter().find(|it| Command::new(it).arg("--version").output().is_err());
    if let Some(missing) = missing {
        eprintln!("skipped: `{missing}` is not installed");
    }
    missing.is_none()
}

/// The blocks of a page: numbers and tokens.
fn blocks(page: &Value) -> Vec<(u64, String)> {
    let blocks = page["Blocks"].as_array().unwrap().iter();
    blocks.map(|it| (it["BlockIndex"].as_u64().unwrap(), it["BlockToken"].as_str().unwrap().to_owned())).collect()
}

fn block(index: u64, token: &str) -> String {
    let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("/snapshots/{SNAPSHOT}/blocks/{index}?blockToken={token}")
}

async fn a_disk_is_read_from_all_that_lies_below_it(compressed: bool) {
    if !can_make_disks() {
        return;
    }
    let cloud = Sandbox::with_state(baked).await;
    make_disk(&cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0"), compressed);
    let client = cloud.operator();
    let page = json(&get(&client, &format!("/snapshots/{SNAPSHOT}/blocks")).await);
    assert_eq!((&page["BlockSize"], &page["VolumeSize"]), (&BLOCK.into(), &30.into()));
    assert!(page.get("NextToken").is_none(), "{page}");
    let listed = blocks(&page);
    let numbers: Vec<u64> = listed.iter().map(|(index, _)| *index).collect();
    assert_eq!(numbers, [0, 1, 200, 59392]);
    let mut seen = Vec::new();
    for (index, token) in &listed {
        let answer = get(&client, &block(*index, token)).await;
        assert_eq!((answer.status, answer.body.len()), (200, BLOCK));
        assert_eq!(answer.headers["x-amz-data-length"], "524288");
        assert_eq!(answer.headers["x-amz-checksum-algorithm"], "SHA256");
        assert_eq!(answer.headers["x-amz-checksum"], STANDARD.encode(Sha256::digest(&answer.body)));
        seen.push([0, 1024, 65536, BLOCK - 1].map(|at| answer.body[at]));
    }
    // The upper disk's first kilobyte brings its whole cluster up, with what was below.
    assert_eq!(seen, [[0, 0, 0, 0x11], [0x22, 0x11, 0, 0], [0x12, 0x12, 0, 0], [0x23, 0x23, 0, 0]]);
    let from = json(&get(&client, &format!("/snapshots/{SNAPSHOT}/blocks?maxResults=100&startingBlockIndex=2")).await);
    assert_eq!(blocks(&from).iter().map(|(index, _)| *index).collect::<Vec<_>>(), [200, 59392]);
}

#[tokio::test]
async fn a_disk_is_read_from_all_files_that_it_is_made_of() {
    a_disk_is_read_from_all_that_lies_below_it(false).await;
}

#[tokio::test]
async fn what_is_compressed_is_read_as_well() {
    a_disk_is_read_from_all_that_lies_below_it(true).await;
}

#[tokio::test]
async fn blocks_are_read_in_the_region_of_their_snapshot() {
    if !can_make_disks() {
        return;
    }
    let cloud = Sandbox::with_state(baked).await;
    make_disk(&cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0"), false);
    let (here, there) = (cloud.operator(), Client { region: "eu-central-1", ..cloud.operator() });
    let list = |snapshot: &str| format!("/snapshots/{snapshot}/blocks");
    assert_eq!(get(&there, &list(SNAPSHOT)).await.status, 404);
    let source = "SourceImageId=ami-0a0a0a0a0a0a0a0a0&SourceRegion=ap-southeast-2";
    let (copied, _) = crate::ec2_copies::copy(&there, &format!("{source}&Name=copy")).await;
    let copied = there.ec2("DescribeImages", &format!("ImageId.1={copied}")).await.element("snapshotId").unwrap();
    assert_eq!(get(&here, &list(&copied)).await.status, 404);
    let numbers = |page: &Value| blocks(page).into_iter().map(|(index, _)| index).collect::<Vec<_>>();
    let (first, second) = (json(&get(&here, &list(SNAPSHOT)).await), json(&get(&there, &list(&copied)).await));
    assert_eq!(numbers(&first), numbers(&second));
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    if !can_make_disks() {
        return;
    }
    let cloud = Sandbox::with_state(baked).await;
    let disk = cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0");
    make_disk(&disk, false);
    run("qemu-io", &["-f", "qcow2", "-c", "write -q -P 0x33 1G 120M", &disk.display().to_string()]);
    let client = cloud.operator();
    // Fewer than a hundred are not to be had, as on AWS.
    let first = json(&get(&client, &format!("/snapshots/{SNAPSHOT}/blocks?maxResults=5")).await);
    let token = first["NextToken"].as_str().unwrap().replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let next = json(&get(&client, &format!("/snapshots/{SNAPSHOT}/blocks?maxResults=5&pageToken={token}")).await);
    let last = next["NextToken"].as_str().unwrap().replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let last = json(&get(&client, &format!("/snapshots/{SNAPSHOT}/blocks?pageToken={last}")).await);
    let numbers: Vec<u64> = [&first, &next, &last].into_iter().flat_map(blocks).map(|(index, _)| index).collect();
    let expected = [0, 1, 200].into_iter().chain(2048..2288).chain([59392]);
    assert_eq!(numbers, expected.collect::<Vec<_>>());
    assert_eq!([&first, &next, &last].map(|page| blocks(page).len()), [100, 100, 44]);
}

#[tokio::test]
async fn what_aws_would_refuse_is_refused() {
    if !can_make_disks() {
        return;
    }
    let cloud = Sandbox::with_state(|state| {
        baked(state);
        in_session(state);
    })
    .await;
    make_disk(&cloud.layout.image_disk("ami-0a0a0a0a0a0a0a0a0"), false);
    let (client, list) = (cloud.operator(), format!("/snapshots/{SNAPSHOT}/blocks"));
    let listed = blocks(&json(&get(&client, &list).await));
    let (index, token) = &listed[1];
    let targets = [
        "/snapshots/snap-0123456789abcdef0/blocks".to_owned(),
        "/snapshots/vol-1/blocks".to_owned(),
        format!("{list}?maxResults=10001"),
        format!("{list}?startingBlockIndex=-1"),
        format!("{list}?pageToken=AAAA"),
        format!("{list}?from=1"),
        format!("{list}/1"),
        block(*index + 1, token),
        format!("/snapshots/{SNAPSHOT}/changedblocks"),
    ];
    let mut told = String::new();
    for target in targets {
        let answer = get(&client, &target).await;
        let text = answer.text().replace(token.as_str(), "…");
        writeln!(told, "{} {} {text}", answer.status, answer.code()).unwrap();
    }
    insta::assert_snapshot!(told);
    let denied = get(&cloud.instance(), &list).await;
    assert_eq!((denied.status, denied.code().as_str()), (403, "AccessDeniedException"));
    assert!(denied.text().contains("is not authorized to perform: ebs:ListSnapshotBlocks"), "{}", denied.text());
}
