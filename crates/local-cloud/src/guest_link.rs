//! Connections from guests. QEMU runs one [`pipe()`] process for each, whose command line names the instance: a guest
//! cannot choose who it is.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::{route, service};

/// The longest first line: a channel's name and an instance's id.
const PREAMBLE: usize = 64;
/// How long a guest may take to send a request's head, and how long its connection may be idle.
const HEAD: Duration = Duration::from_mins(1);

/// What a guest's connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Metadata,
    Endpoint,
}

impl Channel {
    /// The name on the command line of [`pipe()`] and in the first line of a connection.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Endpoint => "endpoint",
        }
    }

    /// The channel of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Metadata, Self::Endpoint].into_iter().find(|channel| channel.name() == name)
    }
}

/// Carries one connection of a guest between standard input and output and the control plane.
///
/// QEMU leads all three standard streams into the guest, so a control plane that is down is no error: the guest sees a
/// closed connection instead of our words.
pub fn pipe(socket: &Path, instance_id: &str, channel: Channel) -> io::Result<()> {
    use std::os::unix::net::UnixStream;
    let Ok(mut stream) = UnixStream::connect(socket) else { return Ok(()) };
    writeln!(stream, "{} {instance_id}", channel.name())?;
    let mut towards_cloud = stream.try_clone()?;
    // Ends with the process when the control plane closes first.
    std::thread::spawn(move || {
        let _ = carry(io::stdin().lock(), &mut towards_cloud);
        let _ = towards_cloud.shutdown(Shutdown::Write);
    });
    carry(&mut stream, io::stdout().lock())
}

/// Copies without holding anything back: answers arrive word by word.
fn carry(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Serves guests until it is dropped, and their connections with it.
pub async fn listen(cloud: Arc<Cloud>) -> io::Result<()> {
    let listener = bind(&cloud.layout.guest_socket())?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(Arc::clone(&cloud), stream));
                }
                // Without free file descriptors `accept` fails at once, again and again.
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a guest's connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
}

/// Only one control plane runs in a directory, so a socket that is there is an old one.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // Through the directory's descriptor a socket can be made however long its path is.
    let directory = fs_err::File::open(directory)?;
    let reachable = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    let listener = UnixListener::bind(reachable)?;
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(cloud: Arc<Cloud>, mut stream: UnixStream) {
    let preamble = tokio::time::timeout(HEAD, preamble(&mut stream)).await;
    let Ok(Ok((channel, instance_id))) = preamble else {
        tracing::warn!("a connection did not say which guest it comes from");
        return;
    };
    let answer = service_fn(|request: hyper::Request<Incoming>| {
        let (cloud, instance_id) = (Arc::clone(&cloud), instance_id.clone());
        async move {
            Ok::<_, Infallible>(match channel {
                Channel::Metadata => {
                    service::metadata::silence::keep(&cloud, &instance_id).await;
                    service::metadata::handle(&cloud, &instance_id, &request.into_parts().0)
                }
                Channel::Endpoint => route::handle_http(&cloud, request).await,
            })
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, instance_id, "a guest's connection ended early");
    }
}

/// Reads `metadata i-…` or `endpoint i-…`.
async fn preamble(stream: &mut UnixStream) -> io::Result<(Channel, String)> {
    let mut line = Vec::with_capacity(PREAMBLE);
    loop {
        match stream.read_u8().await? {
            b'\n' => break,
            _ if line.len() == PREAMBLE => return Err(io::ErrorKind::InvalidData.into()),
            byte => line.push(byte),
        }
    }
    let line = String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData)?;
    let parsed = line.split_once(' ').and_then(|(channel, id)| Some((Channel::named(channel)?, id.to_owned())));
    parsed.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
