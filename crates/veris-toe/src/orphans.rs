//! Processes that steps leave behind. They may live on between steps, as on a machine without a runner, but not longer
//! than the run.

use std::fs;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};

/// From now on a process whose parent ends becomes a child of this one, however it detached itself.
pub fn adopt() -> rustix::io::Result<()> {
    set_child_subreaper(Some(getpid()))
}

/// Kills every child of this process, and the children these leave, until there is none. The caller must not be waiting
/// for a child elsewhere.
pub fn end_all() {
    loop {
        let mut children = children();
        // A child that was not waited for keeps its number, so this cannot hit another process. One that may not be
        // killed belongs to another user, and waiting for it could last for ever.
        children.retain(|child| kill_process(*child, Signal::KILL).is_ok());
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = waitpid(Some(child), WaitOptions::empty());
        }
    }
}

fn children() -> Vec<Pid> {
    let own = getpid().as_raw_nonzero().get();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|number| parent(*number) == Some(own)).filter_map(Pid::from_raw).collect()
}

fn parent(process: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may itself hold spaces and parentheses.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
