//! Who leads a deployment, and whether that process can still exist.

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::aws;
use crate::context::Context;

/// An operator at a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// As `GetCallerIdentity` names it.
    pub operator: String,
    pub host: String,
    pub process: Process,
}

/// One process, told apart from every other that had or will have its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// The kernel's id of this boot, and the namespace of process ids. Where they differ, nothing is known of the other.
    pub boot: String,
    pub pid: u32,
    /// In ticks since the boot.
    pub started: u64,
}

impl Holder {
    pub async fn here(context: &Context) -> Result<Self> {
        let answer = context.clients.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| aws::describe("ask who the operator is", &error))?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let operator = answer.arn().unwrap_or("an unknown operator").to_owned();
        Ok(Self { operator, host, process: context.process.clone() })
    }

    #[cfg(test)]
    pub(crate) fn for_tests(pid: u32) -> Self {
        let process = Process { boot: "boot".to_owned(), pid, started: 1 };
        Self { operator: "arn:aws:iam::000000000000:user/ada".to_owned(), host: "here".to_owned(), process }
    }
}

impl Process {
    /// This process.
    pub fn this() -> Self {
        Self::of(std::process::id())
    }

    /// A process of this machine.
    pub fn of(pid: u32) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let boot = format!("{} {}", boot.trim(), namespace.display());
        Self { boot, pid, started: start_time(pid).unwrap_or_default() }
    }

    /// Whether it ran where this process runs, and runs no more.
    pub fn is_gone(&self) -> bool {
        self.boot == Self::this().boot && start_time(self.pid) != Some(self.started)
    }
}

/// Field 22 of `/proc/PID/stat`; the program's name before it may hold anything.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The end of an ARN says who it is.
        let name = self.operator.rsplit_once(':').map_or(self.operator.as_str(), |(_, name)| name);
        write!(f, "{name} on {}", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_to_be_gone_only_where_it_ran() {
        let this = Process::this();
        assert!(!this.is_gone());
        assert!(Process { started: this.started + 1, ..this.clone() }.is_gone());
        assert!(!Process { boot: "elsewhere".to_owned(), started: this.started + 1, ..this }.is_gone());
    }
}
