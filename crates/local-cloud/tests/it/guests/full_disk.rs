//! A disk that fills under a running guest.

use super::*;
use crate::small_disk::SmallDisk;

const MIB: u64 = 1 << 20;

/// Writes more than there is room for.
const FILL: &str = "#!/bin/sh\n\
    echo filling\n\
    dd if=/dev/urandom of=/root/big bs=1M count=48 conv=fsync 2>/dev/null && sync && echo written\n\
    echo '::exit 0'\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_on_a_full_disk_is_paused_says_so_and_goes_on() {
    let Some(parent) = parent() else { return };
    let name = "guests::full_disk::a_guest_on_a_full_disk_is_paused_says_so_and_goes_on";
    let Some(disk) = SmallDisk::enter(name, 700) else { return };
    let layout = Layout { directory: disk.directory.clone(), cache: cache() };
    let _sweeper = Sweeper(layout.clone());
    let cloud = cloud(&layout, &parent);
    let compute = Arc::clone(&cloud.compute);
    let _watch = tokio::spawn(async move { compute.watch_disks().await });

    let id = launch_agent(&cloud, &disk.directory, FILL).await;
    wait(&cloud.compute, &id, InstanceState::Running).await;
    disk.resize(disk.used() + 16 * MIB);

    let paused = reason(&layout, &id, |code| code == "Server.InsufficientDiskSpace").await;
    assert!(paused.contains("is full; free some space there, and it goes on"), "{paused}");
    assert!(!cloud.compute.agent_log(&id).contains("written"));

    disk.resize(700 * MIB);
    cloud.compute.wait_until_off(&id, PATIENCE).await.unwrap();
    assert_eq!(cloud.compute.agent_log(&id), "filling\nwritten\n::exit 0\n");
    let ended = reason(&layout, &id, |code| code == "Client.InstanceInitiatedShutdown").await;
    assert!(!ended.contains("paused"), "{ended}");
}

/// The instance's state reason as anybody finds it on disk, as soon as it has such a code.
async fn reason(layout: &Layout, id: &str, expected: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = Store::open(layout.state()).unwrap().read(|state| state.instances[id].state_reason.clone());
        match found {
            Some((code, message)) if expected(&code) => return message,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
