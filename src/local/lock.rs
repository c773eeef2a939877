//! Only one command at a time starts or stops the local cloud.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use anyhow::Result;
use local_cloud::layout::Layout;

use crate::error::internal;
use crate::printer::Printer;
use crate::wait::{self, Patience, Seen};

/// Building the parent image takes minutes; whoever waits for it waits as long.
const PATIENCE: Patience = Patience { deadline: Duration::from_mins(20), every: Duration::from_millis(200), streak: 1 };

/// Held until it is dropped; the system frees it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock, and waits while another command holds it. Makes the directory, for its owner alone, where it is missing.
pub async fn take(layout: &Layout, printer: &Printer) -> Result<Lock> {
    let directory = &layout.directory;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| internal(format!("failed to make the directory `{}`", directory.display())).source(error))?;
    let file: File = fs_err::File::create(directory.join("lock"))?.into_file();
    if let Some(lock) = try_take(&file)? {
        return Ok(lock);
    }
    let mut stage = printer.stage("Wait for another `veris local` command");
    let lock = wait::until(PATIENCE, "the other command is done", &mut stage, async || {
        Ok(try_take(&file)?.map_or_else(|| Seen::NotYet("it is still at work".to_owned()), Seen::Good))
    })
    .await?;
    stage.done("");
    Ok(lock)
}

fn try_take(file: &File) -> Result<Option<Lock>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file.try_clone()? })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(internal("failed to lock the local cloud").source(error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::Output;

    #[tokio::test]
    async fn the_second_command_waits_for_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().join("local"), cache: directory.path().to_owned() };
        let printer = Printer::new(Output::Text);
        let first = take(&layout, &printer).await.unwrap();
        let second = tokio::time::timeout(Duration::from_millis(300), take(&layout, &printer)).await;
        assert!(second.is_err(), "the lock was held twice");
        drop(first);
        take(&layout, &printer).await.unwrap();
    }
}
