//! The journal of a bake: what it creates, on disk before the call that creates it is sent.
//!
//! A bake that was killed is gone on with by the next one: what was made is known, and the call whose end nobody saw is sent again
//! with its client token, which Image Builder answers as it did the first time. The file is locked while its bake runs, and
//! is gone when nothing is left to go on with.

use std::fs::TryLockError;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use fs_err::File;
use serde::{Deserialize, Serialize};

use super::remove;
use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::error::{Failure, internal};
use crate::fault_point;
use crate::wait::{self, Patience, Seen};

/// Which image a bake makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Release {
    pub service: String,
    pub version: semver::Version,
    pub digest: Sha256Digest,
    pub commit: String,
}

/// Something that a bake creates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Created {
    pub kind: Kind,
    /// Its ARN, or the URI of an object. An ARN of a version means all builds of the version.
    pub name: String,
}

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// An object in the bucket.
    Object,
    /// A component.
    Component,
    /// A recipe.
    Recipe,
    /// An infrastructure configuration.
    Infrastructure,
    /// A distribution configuration.
    Distribution,
    /// An image, and the AMIs it made.
    Image,
    /// A parameter of the Parameter Store; its ARN where it is in another region.
    Parameter,
    /// An AMI in another region. No journal has one: a copy is found by its tags.
    Copy,
    /// An instance that a failed bake has left running. No journal has one: Image Builder makes them.
    Instance,
}

impl Kind {
    /// The thing of this kind that has this name.
    pub(crate) fn named(self, name: impl Into<String>) -> Created {
        Created { kind: self, name: name.into() }
    }
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    /// The first one. Client tokens are derived from the seed, which differs from bake to bake: the token of a bake whose things
    /// were deleted would be answered with their names.
    Baking { release: Release, seed: String },
    /// A call that creates this is about to be sent.
    Creating(Created),
    /// The call was answered: the cloud calls it by this name.
    Made { what: Created, name: String },
    /// The call was answered: it is there already, and belongs to somebody else.
    NotMade(Created),
    /// Everything is about to be deleted.
    TakingBack,
}

/// Something in the journal.
#[derive(Debug)]
struct Noted {
    what: Created,
    /// What the cloud calls it, once that is known.
    made: Option<String>,
}

impl Noted {
    fn into_created(self) -> Created {
        Created { kind: self.what.kind, name: self.made.unwrap_or(self.what.name) }
    }
}

/// Other bakes may use an object or the infrastructure by now: both are known by what is in them, and not by the version.
fn may_be_stale(created: &Created) -> bool {
    !matches!(created.kind, Kind::Object | Kind::Infrastructure)
}

/// The journal of the bake that runs.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Its lock is held until it is closed.
    file: File,
    pub(super) release: Release,
    seed: String,
    noted: Vec<Noted>,
    state: State,
}

/// What the file holds.
#[derive(Debug)]
enum State {
    /// Nothing that can be gone on with. What an earlier bake has noted is still in the file.
    Fresh { stale: Vec<Created> },
    /// This bake.
    Begun,
}

impl Journal {
    /// Opens the journal of this release: the one that a killed bake of the same inputs has left, or a new one. The answer says
    /// as well whether another bake had to be waited for.
    pub(super) async fn open(context: &Context, release: Release) -> Result<(Self, bool)> {
        let path = path(context, &release.version);
        let (mut file, waited) = lock(context, &path).await?;
        let found = read(&mut file).map_err(|error| failed("read", &path, error))?;
        let stale = match found {
            Some(found) if found.can_go_on() && found.release.digest == release.digest => {
                return Ok((Self::of(path, file, found), waited));
            }
            Some(found) => found.noted.into_iter().map(Noted::into_created).filter(may_be_stale).collect(),
            None => Vec::new(),
        };
        let seed = format!("{} {} {}", release.digest, std::process::id(), jiff::Timestamp::now());
        Ok((Self { path, file, release, seed, noted: Vec::new(), state: State::Fresh { stale } }, waited))
    }

    /// What a bake of other inputs, or one that was being taken back when it was killed, has left.
    pub(super) fn stale(&self) -> &[Created] {
        match &self.state {
            State::Fresh { stale } => stale,
            State::Begun => &[],
        }
    }

    /// Whether an earlier run has created something for this bake, or was about to.
    pub(super) fn can_go_on(&self) -> bool {
        !self.noted.is_empty()
    }

    /// Begins a new bake, once nothing of an earlier one is left.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        if matches!(self.state, State::Fresh { .. }) {
            self.file.set_len(0).map_err(|error| failed("begin", &self.path, error))?;
            self.write(&Line::Baking { release: self.release.clone(), seed: self.seed.clone() })?;
            self.state = State::Begun;
        }
        Ok(())
    }

    /// Opens what an earlier run has left of this version, whatever its inputs were.
    pub(super) async fn reopen(context: &Context, version: &semver::Version) -> Result<Option<Self>> {
        let path = path(context, version);
        if !path.exists() {
            return Ok(None);
        }
        let (mut file, _) = lock(context, &path).await?;
        let found = read(&mut file).map_err(|error| failed("read", &path, error))?;
        Ok(found.filter(Found::can_go_on).map(|found| Self::of(path, file, found)))
    }

    fn of(path: PathBuf, file: File, found: Found) -> Self {
        Self { path, file, release: found.release, seed: found.seed, noted: found.noted, state: State::Begun }
    }

    /// The build that Image Builder was seen to begin.
    pub(super) fn build(&self) -> Option<&str> {
        self.noted.iter().find(|noted| noted.what.kind == Kind::Image)?.made.as_deref()
    }

    /// What the cloud calls this, if an earlier run has made it.
    pub(super) fn made(&self, what: &Created) -> Option<&str> {
        self.noted.iter().find(|noted| noted.what == *what)?.made.as_deref()
    }

    /// Whether a call to create this was sent, perhaps by an earlier run.
    pub(super) fn has(&self, what: &Created) -> bool {
        self.noted.iter().any(|noted| noted.what == *what)
    }

    /// The client token for creating what has this name: 36 characters, the most that every version of the API takes.
    pub(super) fn token(&self, name: &str) -> String {
        Sha256Digest::of(format!("{} {name}", self.seed)).as_str()[..36].to_owned()
    }

    /// Notes what is about to be created.
    pub(super) fn will_create(&mut self, what: &Created) -> Result<(), Failure> {
        if !self.has(what) {
            self.write(&Line::Creating(what.clone()))?;
            self.noted.push(Noted { what: what.clone(), made: None });
        }
        Ok(())
    }

    /// It was created, and this is what the cloud calls it.
    pub(super) fn was_created(&mut self, what: &Created, name: &str) -> Result<(), Failure> {
        if let Some(noted) = self.noted.iter_mut().find(|noted| noted.what == *what) {
            noted.made = Some(name.to_owned());
        }
        self.write(&Line::Made { what: what.clone(), name: name.to_owned() })
    }

    /// It was not created, because it is there already. It belongs to somebody else.
    pub(super) fn was_there(&mut self, what: &Created) -> Result<(), Failure> {
        self.noted.retain(|noted| noted.what != *what);
        self.write(&Line::NotMade(what.clone()))
    }

    /// Nothing is left to go on with.
    pub(super) fn end(self) {
        if !self.stale().is_empty() {
            return;
        }
        fault_point::pass();
        // What cannot be removed is found to be of no use by the next bake.
        let _ = fs_err::remove_file(&self.path);
    }

    /// Takes everything back, the last thing first, and returns `error`, the reason for it.
    ///
    /// What cannot be removed is named; the next bake of the version removes it too.
    pub(super) async fn take_back(mut self, context: &Context, error: anyhow::Error) -> anyhow::Error {
        if self.noted.is_empty() {
            self.end();
            return error;
        }
        if let Err(problem) = self.write(&Line::TakingBack) {
            context.printer.talk(format_args!("{problem}"));
        }
        let mut stage = context.printer.stage("take back what was created");
        let mut left = Vec::new();
        for created in std::mem::take(&mut self.noted).into_iter().rev().map(Noted::into_created) {
            stage.update(&created.name);
            if let Err(problem) = remove::created(context, &created).await {
                left.push(format!("left behind: {}: {problem:#}", created.name));
            }
        }
        if left.is_empty() {
            stage.done("nothing is left behind");
            self.end();
        } else {
            stage.fail("something is left behind; the next bake of this version removes it first");
            for line in left {
                context.printer.talk(line);
            }
        }
        error
    }

    /// The line is on disk when this returns.
    fn write(&mut self, line: &Line) -> Result<(), Failure> {
        let mut text = serde_json::to_string(line).map_err(|error| failed("write", &self.path, error.into()))?;
        text.push('\n');
        fault_point::pass();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| failed("write", &self.path, error))
    }
}

/// Removes a journal that nobody goes on with any more, because the image is there.
pub(super) fn forget(context: &Context, version: &semver::Version) {
    let path = path(context, version);
    // One that is locked belongs to a bake that is about to end.
    if path.exists()
        && let Ok(Some(_lock)) = try_lock(&path)
    {
        let _ = fs_err::remove_file(&path);
    }
}

/// A journal as it was left.
struct Found {
    release: Release,
    seed: String,
    noted: Vec<Noted>,
    taking_back: bool,
}

impl Found {
    /// What was being deleted cannot be gone on with.
    fn can_go_on(&self) -> bool {
        !self.taking_back
    }
}

/// Reads a journal, and cuts off a line that was being written when the machine stopped.
fn read(file: &mut File) -> std::io::Result<Option<Found>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::End(0))?;
    Ok(parse(&text[..whole]))
}

/// A journal that makes no sense is none: the cloud itself is then looked through for remains.
fn parse(text: &[u8]) -> Option<Found> {
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let Line::Baking { release, seed } = serde_json::from_slice(lines.next()?).ok()? else { return None };
    let mut found = Found { release, seed, noted: Vec::new(), taking_back: false };
    for line in lines {
        match serde_json::from_slice(line).ok()? {
            Line::Baking { .. } => return None,
            Line::Creating(what) => found.noted.push(Noted { what, made: None }),
            Line::Made { what, name } => {
                found.noted.iter_mut().find(|noted| noted.what == what)?.made = Some(name);
            }
            Line::NotMade(what) => found.noted.retain(|noted| noted.what != what),
            Line::TakingBack => found.taking_back = true,
        }
    }
    Some(found)
}

fn path(context: &Context, version: &semver::Version) -> PathBuf {
    context.journals.join(format!("{}-{}-{version}.jsonl", context.environment.name, context.recipe.service))
}

/// The versions whose bakes were interrupted on this machine, or run here now.
pub(crate) fn interrupted_here(context: &Context) -> Result<Vec<semver::Version>, Failure> {
    let prefix = format!("{}-{}-", context.environment.name, context.recipe.service);
    let entries = match fs_err::read_dir(&context.journals) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("look for", &context.journals, error)),
    };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let version = |name: String| name.strip_prefix(&prefix)?.strip_suffix(".jsonl")?.parse().ok();
    Ok(names.filter_map(version).collect())
}

/// Opens the file and takes its lock, and says whether another bake had it.
async fn lock(context: &Context, path: &Path) -> Result<(File, bool)> {
    /// As long as the longest bake.
    const PATIENCE: Patience =
        Patience { deadline: Duration::from_hours(3), every: Duration::from_millis(200), streak: 1 };
    let failed = |error| failed("open", path, error);
    fs_err::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    if let Some(file) = try_lock(path).map_err(failed)? {
        return Ok((file, false));
    }
    let mut stage = context.printer.stage("wait for another bake of this version on this machine");
    let file = wait::until(PATIENCE, "the other bake has ended", &mut stage, async || {
        Ok(try_lock(path).map_err(failed)?.map_or_else(|| Seen::NotYet("it is at work".to_owned()), Seen::Good))
    })
    .await?;
    stage.done("");
    Ok((file, true))
}

fn try_lock(path: &Path) -> std::io::Result<Option<File>> {
    loop {
        let file = fs_err::OpenOptions::new().create(true).read(true).append(true).open(path)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever held the lock may have removed the file that is locked now.
        if fs_err::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|ours| ours.ino() == now.ino())) {
            return Ok(Some(file));
        }
    }
}

fn failed(attempt: &str, path: &Path, error: std::io::Error) -> Failure {
    internal(format!("failed to {attempt} the journal of the bake `{}`", path.display())).source(error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn release() -> Release {
        Release {
            service: "chat".to_owned(),
            version: semver::Version::new(1, 0, 0),
            digest: Sha256Digest::of("inputs"),
            commit: "c".to_owned(),
        }
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
    }

    #[test]
    fn a_line_that_was_cut_off_counts_for_nothing() {
        let (recipe, image) = (Kind::Recipe.named("recipe/1"), Kind::Image.named("image/1"));
        let all = text(&[
            Line::Baking { release: release(), seed: "s".to_owned() },
            Line::Creating(recipe.clone()),
            Line::Made { what: recipe.clone(), name: "recipe/1".to_owned() },
            Line::Creating(image.clone()),
            Line::Made { what: image.clone(), name: "image/1/1".to_owned() },
        ]);
        let directory = tempfile::tempdir().unwrap();
        for length in 0..=all.len() {
            // A file of its own: a program that another test starts holds a copy of the lock until it runs.
            let path = directory.path().join(length.to_string());
            fs_err::write(&path, &all[..length]).unwrap();
            let mut file = try_lock(&path).unwrap().unwrap();
            let lines = all[..length].matches('\n').count();
            let found = read(&mut file).unwrap();
            assert_eq!(found.is_some(), lines > 0);
            let made = found.iter().flat_map(|found| &found.noted).filter(|noted| noted.made.is_some()).count();
            assert_eq!(made, (lines.saturating_sub(1)) / 2, "{length} bytes");
            file.write_all(b"{}\n").unwrap();
            assert_eq!(fs_err::read_to_string(&path).unwrap().lines().count(), lines + 1);
        }
    }

    #[test]
    fn tokens_are_short_and_differ_from_each_other_and_from_bake_to_bake() {
        let directory = tempfile::tempdir().unwrap();
        let journal = |seed: &str| {
            let path = directory.path().join(seed);
            let file = try_lock(&path).unwrap().unwrap();
            let state = State::Fresh { stale: Vec::new() };
            Journal { path, file, release: release(), seed: seed.to_owned(), noted: Vec::new(), state }
        };
        let (first, second) = (journal("1"), journal("2"));
        assert_eq!(first.token("recipe"), first.token("recipe"));
        assert_ne!(first.token("recipe"), first.token("image"));
        assert_ne!(first.token("recipe"), second.token("recipe"));
        assert_eq!(first.token("recipe").len(), 36);
    }

    #[test]
    fn what_is_locked_is_not_opened_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let first = try_lock(&path).unwrap().unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        fs_err::remove_file(&path).unwrap();
        drop(first);
        assert!(try_lock(&path).unwrap().is_some() && path.exists());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
        }
    }
}
