//! moto, the independent emulator of AWS.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::python;

/// Services of AWS on loopback; they end with the test.
pub(crate) struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    pub(crate) fn start() -> Result<Self, String> {
        let python = python::with("moto[server]", "moto.server")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/moto_services.py");
        let mut command = Command::new(python);
        // Its own requests must not go through a proxy of the developer's.
        command
            .arg(script)
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Ok(Self { child, port: port.trim().parse().expect("the emulator says its port") })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Closing its input is what it waits for; the kill is for one that hangs.
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
