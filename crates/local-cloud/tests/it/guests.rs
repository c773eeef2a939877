//! Real guests: an image is made in one, others are launched from it, and an Elastic IP moves between them.
#![expect(clippy::print_stderr, reason = "a boot takes minutes, and a skip needs its reason")]

mod full_disk;
mod own_loader;
mod saved;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use local_cloud::compute::{Compute, LaunchRequest, NewImage};
use local_cloud::layout::Layout;
use local_cloud::parent_image::Choice;
use local_cloud::state::{HOME_REGION, Image, ImageState, InstanceState, Tags};
use local_cloud::store::Store;
use local_cloud::{Cloud, Credentials, down, guest_link, parent_image};

/// Emulated guests on a busy machine are slow, but not this slow.
const PATIENCE: Duration = Duration::from_mins(15);

/// Prepares a server in the image, and proves what a build instance is given.
const BUILD: &str = r#"#!/bin/sh
set -eu
imds=http://169.254.169.254/latest
curl -s -o /dev/null -w 'without a token: %{http_code}\n' "$imds/meta-data/instance-id"
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/api/token")
get() { curl -sf -H "X-aws-ec2-metadata-token: $token" "$imds/$1"; }
echo "instance: $(get meta-data/instance-id)"
echo "role: $(get meta-data/iam/security-credentials/)"
get meta-data/iam/security-credentials/local-instance-profile | grep -o '"Type":"[A-Z-]*"'
curl -s -o /dev/null -w 'endpoint without a signature: %{http_code}\n' http://169.254.170.2/
curl -s -m 5 -o /dev/null http://169.254.1.2:8000/ || echo "nothing else is reached"
cat >/etc/systemd/system/proof.service <<END
[Unit]
After=cloud-init.service
[Service]
ExecStart=/usr/bin/python3 -m http.server 8000 --directory /etc/proof
[Install]
WantedBy=multi-user.target
END
systemctl enable proof.service 2>&1
echo '::exit 0'
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_made_launched_moved_to_and_swept_away() {
    let Some(parent) = parent() else { return };
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout { directory: directory.path().canonicalize().unwrap(), cache: cache() };
    let _sweeper = Sweeper(layout.clone());
    let cloud = cloud(&layout, &parent);
    let link = tokio::spawn(guest_link::listen(Arc::clone(&cloud)));
    let compute = &cloud.compute;

    let image = build(&cloud, directory.path()).await;

    let first = launch(compute, &image, "first").await;
    let second = launch(compute, &image, "second").await;
    let again = compute.launch(request(&image, "first")).await.unwrap();
    assert_eq!(again.instance_id, first.instance_id, "the client token is the same");
    assert_eq!(text_at(first.address), "first");
    assert_eq!(text_at(second.address), "second");
    let console = compute.console(&first.instance_id);
    assert!(console.contains("EXT4-fs (vda): resized filesystem"), "the volume is larger than the image: {console}");

    let elastic = compute.allocate_address(Tags::new()).await.unwrap();
    compute.associate_address(&elastic.allocation_id, &first.instance_id).await.unwrap();
    assert_eq!(text_at(elastic.public_ip), "first");
    let open = connect(elastic.public_ip).unwrap();
    compute.associate_address(&elastic.allocation_id, &second.instance_id).await.unwrap();
    assert_eq!(text_at(elastic.public_ip), "second");
    assert!(get(open).unwrap().ends_with("first"), "who was connected stays with the old guest");

    compute.stop(&second.instance_id).await.unwrap();
    wait(compute, &second.instance_id, InstanceState::Stopped).await;
    assert!(compute.console(&second.instance_id).contains("reboot: Power down"), "it was shut down, not cut off");
    compute.start(&second.instance_id).await.unwrap();
    assert_eq!(text_at(elastic.public_ip), "second", "disk and address survive");

    compute.terminate(&second.instance_id).await.unwrap();
    assert!(TcpStream::connect((elastic.public_ip, 8000)).is_err());
    assert!(!layout.instance(&second.instance_id).exists());

    // A control plane that was killed: its successor finds the guest, and `down` ends it.
    link.abort();
    let _ = link.await;
    drop(cloud);
    let successor = self::cloud(&layout, &parent);
    successor.compute.reconcile().await.unwrap();
    assert_eq!(state_of(&successor.compute, &first.instance_id), InstanceState::Running);
    assert_eq!(text_at(first.address), "first");
    drop(successor);
    let swept = tokio::task::spawn_blocking({
        let layout = layout.clone();
        move || down::sweep(&layout).unwrap()
    });
    assert_eq!(swept.await.unwrap(), down::Swept { control_plane: false, guests: 1 });
    assert!(TcpStream::connect((first.address, 8000)).is_err());
    let store = Store::open(layout.state()).unwrap();
    assert_eq!(store.read(|state| state.instances[&first.instance_id].state), InstanceState::Stopped);
}

/// A test that fails leaves no guest behind either.
struct Sweeper(Layout);

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Err(error) = down::sweep(&self.0) {
            eprintln!("failed to sweep: {error}");
        }
    }
}

/// Makes an image with the agent, from an image that stands for the parent.
async fn build(cloud: &Arc<Cloud>, directory: &Path) -> Image {
    let builder = launch_agent(cloud, directory, BUILD).await;
    let off = cloud.compute.wait_until_off(&builder, PATIENCE).await;
    let log = cloud.compute.agent_log(&builder).replace(&builder, "[id]");
    off.unwrap_or_else(|fault| panic!("{fault}\n{log}\n{}", cloud.compute.console(&builder)));
    insta::assert_snapshot!("build", log);
    let new = NewImage { region: HOME_REGION.into(), name: "proof".into(), ..NewImage::default() };
    let image = cloud.compute.create_image(&builder, new).await.unwrap();
    cloud.compute.terminate(&builder).await.unwrap();
    assert!(cloud.layout.image_disk(&image.image_id).exists());
    image
}

/// Starts an instance of the parent whose agent runs a script.
async fn launch_agent(cloud: &Arc<Cloud>, directory: &Path, script: &str) -> String {
    let seed = directory.join("seed.tar");
    pack(&seed, directory, script);
    let asked = LaunchRequest {
        image_id: "ami-00000000000000000".into(),
        instance_type: "t3.medium".into(),
        instance_profile: Some("local-instance-profile".into()),
        agent_seed: Some(seed),
        ..LaunchRequest::default()
    };
    cloud.compute.launch(asked).await.unwrap().instance_id
}

async fn launch(compute: &Arc<Compute>, image: &Image, text: &str) -> local_cloud::state::Instance {
    let launched = compute.launch(request(image, text)).await.unwrap();
    assert_eq!(launched.state, InstanceState::Pending);
    wait(compute, &launched.instance_id, InstanceState::Running).await;
    launched
}

fn request(image: &Image, text: &str) -> LaunchRequest {
    let user_data = format!("#cloud-config\nwrite_files:\n- path: /etc/proof/text\n  content: {text}\n");
    LaunchRequest {
        image_id: image.image_id.clone(),
        instance_type: "t3.micro".into(),
        volume_gib: Some(9),
        user_data: Some(user_data.into_bytes()),
        client_token: Some(text.to_owned()),
        ..LaunchRequest::default()
    }
}

async fn wait(compute: &Compute, instance_id: &str, wanted: InstanceState) {
    let deadline = Instant::now() + PATIENCE;
    while state_of(compute, instance_id) != wanted {
        let instance = compute.store.read(|state| state.instances[instance_id].clone());
        let is_hopeless = instance.state == InstanceState::Terminated || Instant::now() > deadline;
        assert!(!is_hopeless, "{instance:?}\n{}", compute.console(instance_id));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn state_of(compute: &Compute, instance_id: &str) -> InstanceState {
    compute.store.read(|state| state.instances[instance_id].state)
}

/// What the guest behind an address serves, as soon as it serves anything.
fn text_at(address: Ipv4Addr) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connect(address).and_then(get) {
            Ok(answer) if answer.starts_with("HTTP/1.0 200") => {
                return answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned();
            }
            answer => assert!(Instant::now() < deadline, "{address}: {answer:?}"),
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn connect(address: Ipv4Addr) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((address, 8000)), Duration::from_secs(5))
}

fn get(mut stream: TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /text HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn cloud(layout: &Layout, parent: &parent_image::Parent) -> Arc<Cloud> {
    let store = Arc::new(Store::open(layout.state()).unwrap());
    let image = Image {
        image_id: "ami-00000000000000000".into(),
        name: "parent".into(),
        description: String::new(),
        state: ImageState::Available,
        created: jiff::Timestamp::UNIX_EPOCH,
        snapshot_id: "snap-00000000000000000".into(),
        root_device: "/dev/xvda".into(),
        volume_gib: 8,
        owner: "amazon".into(),
        parent: parent.digest.clone(),
        tags: Tags::new(),
        ..Image::default()
    };
    store.change(|state| Ok(state.images.insert(image.image_id.clone(), image))).unwrap();
    let pipe = vec![pipe().into_os_string()];
    let compute = Arc::new(Compute::new(Arc::clone(&store), layout.clone(), parent.clone(), pipe));
    let credentials = Credentials::load_or_create(layout).unwrap();
    Arc::new(Cloud::new(store, layout.clone(), compute, credentials, PathBuf::from("veris-toe")).unwrap())
}

/// The example `pipe`, which cargo builds along with the tests.
fn pipe() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let pipe = tests.ancestors().nth(2).unwrap().join("examples/pipe");
    assert!(pipe.exists(), "{} is not built; run `cargo build -p local-cloud --examples`", pipe.display());
    pipe
}

/// Shared with the tool, so that the image is built once.
fn cache() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = named("VERIS_CACHE_DIR").or_else(|| Some(named("XDG_CACHE_HOME")?.join("veris")));
    cache.unwrap_or_else(|| named("HOME").unwrap().join(".cache/veris"))
}

/// Says why a test is skipped, where it may be.
pub(crate) fn skipped(reason: &str) {
    assert!(std::env::var_os("VERIS_REQUIRE_GUESTS").is_none_or(|value| value != "1"), "guests are required: {reason}");
    eprintln!("skipped: {reason}");
}

/// The parent image; `None`, with the reason on standard error, where this machine cannot have one.
fn parent() -> Option<parent_image::Parent> {
    match parent_image::ensure(&cache(), &Choice::BuiltIn, &mut |line| eprintln!("parent image: {line}")) {
        Ok(parent) => Some(parent),
        Err(error @ (parent_image::ParentError::Missing { .. } | parent_image::ParentError::Architecture { .. })) => {
            skipped(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn pack(seed: &Path, directory: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    let script = directory.join("run.sh");
    fs_err::write(&script, content).unwrap();
    fs_err::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let mut tar = std::process::Command::new("tar");
    tar.arg("--create").arg("--file").arg(seed).arg("--directory").arg(directory).arg("run.sh");
    assert!(tar.status().unwrap().success());
}
