//! The control plane on a disk without a free byte: what was answered is kept, what cannot be kept is refused.

use local_cloud::layout::Layout;
use local_cloud::store::Store;

use crate::small_disk::SmallDisk;
use crate::support::Sandbox;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing() {
    let name = "full_disk::a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing";
    let Some(disk) = SmallDisk::enter(name, 16) else { return };
    let sandbox = Sandbox::below(&disk.directory).await;
    let client = sandbox.operator();
    assert_eq!(client.s3("PUT", "/artifacts", b"").await.status, 200);
    assert_eq!(client.s3("PUT", "/artifacts/server", b"the old server").await.status, 200);
    let ballast = disk.fill("ballast");

    let refused = client.s3("PUT", "/artifacts/server", &vec![7; MIB]).await;
    assert_eq!((refused.status, refused.code().as_str()), (507, "InsufficientStorage"), "{}", refused.text());
    assert!(refused.text().contains("the disk is full"), "{}", refused.text());
    assert_eq!(client.s3("GET", "/artifacts/server", b"").await.text(), "the old server");
    assert_eq!(objects(&sandbox.layout), ["server"]);

    // The state has a reserve, without which nothing could be terminated to free space.
    assert_eq!(client.ec2("AllocateAddress", "Domain=vpc").await.status, 200);
    let _more = disk.fill("more ballast");
    let mut kept = 0;
    let refused = loop {
        let input = serde_json::json!({"Name": format!("/n/{kept}"), "Value": "v".repeat(4000), "Type": "String"});
        let answer = client.ssm("PutParameter", input).await;
        if answer.status != 200 {
            break answer;
        }
        kept += 1;
    };
    assert!(refused.text().contains("free some space"), "{}", refused.text());
    let count = || Store::open(sandbox.layout.state()).unwrap().read(|state| own_parameters(state).count());
    assert_eq!(count(), kept, "the file says what was answered");

    fs_err::remove_file(ballast).unwrap();
    let input = serde_json::json!({"Name": "/n/last", "Value": "v", "Type": "String"});
    assert_eq!(client.ssm("PutParameter", input).await.status, 200);
    assert_eq!(client.s3("PUT", "/artifacts/server", &vec![7; MIB]).await.status, 200);
    assert_eq!(count(), kept + 1);
}

fn own_parameters(state: &local_cloud::state::State) -> impl Iterator<Item = &String> {
    state.parameters.keys().filter(|name| name.starts_with("/n/"))
}

/// Every file of the bucket, whether S3 shows it or not.
fn objects(layout: &Layout) -> Vec<String> {
    let entries = fs_err::read_dir(layout.buckets().join("artifacts")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}
