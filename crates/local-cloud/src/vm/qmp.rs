//! A client of QEMU's monitor protocol. A connection is made for each use: QEMU answers one client at a time.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::VmError;
use super::machine::{Forwarding, NETWORK};

/// Name of the monitor's socket in an instance's directory.
pub(crate) const SOCKET: &str = "qmp.sock";

/// A machine that is emulated on a busy host answers late, but not this late.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long the memory of a guest may take to a file.
const SAVING: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// Bytes per second, as much as a disk takes.
const UNLIMITED: u64 = 1 << 40;

/// A connection on which commands can be given.
pub(crate) struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    pub(crate) async fn connect(instance: &Path) -> Result<Self, VmError> {
        let failed = |source| VmError::Io { attempt: "connect to QEMU's monitor", source };
        // Through the directory's descriptor the socket is reached however long its path is.
        let directory = rustix::fs::open(instance, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| failed(error.into()))?;
        let path = format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd());
        let stream = UnixStream::connect(path).await.map_err(failed)?;
        let mut qmp = Self { stream: BufReader::new(stream) };
        qmp.receive().await?;
        qmp.execute("qmp_capabilities", None).await?;
        Ok(qmp)
    }

    /// Gives a command and answers what it returned.
    pub(crate) async fn execute(&mut self, command: &str, arguments: Option<Value>) -> Result<Value, VmError> {
        let failed = |source| VmError::Io { attempt: "write to QEMU's monitor", source };
        let mut request = json!({ "execute": command });
        if let Some(arguments) = arguments {
            request["arguments"] = arguments;
        }
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes()).await.map_err(failed)?;
        loop {
            let mut message = self.receive().await?;
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
            if let Some(error) = message.get("error") {
                let answer = error["desc"].as_str().unwrap_or("no reason given").to_owned();
                return Err(VmError::Monitor { command: command.to_owned(), answer });
            }
            // Everything else is an event.
        }
    }

    /// Presses the power button.
    pub(crate) async fn power_down(&mut self) -> Result<(), VmError> {
        self.execute("system_powerdown", None).await.map(|_| ())
    }

    /// Whether the guest is paused because a disk could not be written.
    pub(crate) async fn is_out_of_space(&mut self) -> Result<bool, VmError> {
        let status = self.execute("query-status", None).await?;
        Ok(status["status"] == "io-error")
    }

    /// Lets a paused guest go on; what it could not write is written again.
    pub(crate) async fn resume(&mut self) -> Result<(), VmError> {
        self.execute("cont", None).await.map(|_| ())
    }

    /// Whether all of the memory of a guest that was saved has been read. It is paused then, as it was when it was saved.
    pub(crate) async fn is_loaded(&mut self) -> Result<bool, VmError> {
        let status = self.execute("query-status", None).await?;
        Ok(status["status"] != "inmigrate")
    }

    /// Pauses the guest and writes its memory to a file in its directory. What was written to its disk is in the disk's file
    /// then. The guest stays paused, however this ends.
    pub(crate) async fn save(&mut self, file: &str) -> Result<(), VmError> {
        self.execute("stop", None).await?;
        self.execute("migrate-set-parameters", Some(json!({ "max-bandwidth": UNLIMITED }))).await?;
        self.execute("migrate", Some(json!({ "uri": format!("exec:exec cat >{file}") }))).await?;
        let deadline = Instant::now() + SAVING;
        loop {
            let answer = self.execute("query-migrate", None).await?;
            match answer["status"].as_str() {
                Some("completed") => return Ok(()),
                Some("setup" | "active" | "device") if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                _ => return Err(VmError::Monitor { command: "migrate".to_owned(), answer: answer.to_string() }),
            }
        }
    }

    /// Opens a port of the guest on one more loopback address.
    pub(crate) async fn forward(&mut self, address: Ipv4Addr, port: Forwarding) -> Result<(), VmError> {
        let Forwarding { outside, inside } = port;
        self.human(&format!("hostfwd_add {NETWORK} tcp:{address}:{outside}-:{inside}"), None).await
    }

    /// Closes it again. That it was not open is no error.
    pub(crate) async fn unforward(&mut self, address: Ipv4Addr, port: Forwarding) -> Result<(), VmError> {
        let rule = format!("{NETWORK} tcp:{address}:{}", port.outside);
        self.human(&format!("hostfwd_remove {rule}"), Some("host forwarding rule for")).await
    }

    /// The forwarding commands exist for humans only: they answer with text, and with nothing when all is well.
    async fn human(&mut self, command: &str, expected: Option<&str>) -> Result<(), VmError> {
        let answer = self.execute("human-monitor-command", Some(json!({ "command-line": command }))).await?;
        let answer = answer.as_str().unwrap_or_default().trim();
        if answer.is_empty() || expected.is_some_and(|expected| answer.starts_with(expected)) {
            return Ok(());
        }
        Err(VmError::Monitor { command: command.to_owned(), answer: answer.to_owned() })
    }

    async fn receive(&mut self) -> Result<Value, VmError> {
        let failed = |source| VmError::Io { attempt: "read from QEMU's monitor", source };
        let mut line = String::new();
        let read = tokio::time::timeout(TIMEOUT, self.stream.read_line(&mut line));
        let count = read.await.map_err(|_| failed(std::io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
        if count == 0 {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        serde_json::from_str(&line).map_err(|error| failed(error.into()))
    }
}

/// Presses the power button of a guest without a runtime; what is answered does not matter.
pub(crate) fn press_power_button(instance: &Path) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader, Write};
    let directory = fs_err::File::open(instance)?;
    let mut stream =
        std::os::unix::net::UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"system_powerdown\"}\n")?;
    // The greeting and two answers: until they are here, the commands may not have been read.
    BufReader::new(stream).lines().take(3).try_for_each(|line| line.map(|_| ()))
}
