//! Where a run speaks: `console.log` and a mirror, which is stderr for the binary; `application.log` for the runner
//! itself.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::secrets::Secrets;

/// Lines of steps and of the runner. Shared by the threads that read a step's output.
pub struct Console {
    inner: Mutex<Inner>,
    /// Whether what the runner does is mirrored too.
    trace: bool,
    secrets: Secrets,
}

struct Inner {
    console: File,
    application: File,
    mirror: Box<dyn Write + Send>,
    /// The first line that could not be kept.
    lost: Option<io::Error>,
}

/// The console under the name of a step.
#[derive(Clone)]
pub(crate) struct Voice {
    console: Arc<Console>,
    prefix: Arc<str>,
    /// Whether what the step prints is for nobody to see.
    is_silent: bool,
}

impl Console {
    /// Both logs in `folder`, which a resumed run continues.
    pub fn open(folder: &Path, mirror: Box<dyn Write + Send>, trace: bool) -> io::Result<Self> {
        let log = |name| File::options().create(true).append(true).open(folder.join(name));
        let (console, application) = (log("console.log")?, log("application.log")?);
        Ok(Self {
            inner: Mutex::new(Inner { console, application, mirror, lost: None }),
            trace,
            secrets: Secrets::default(),
        })
    }

    /// What no line may hold.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What the runner does.
    pub(crate) fn note(&self, text: &str) {
        let text = self.secrets.mask(text);
        let mut inner = self.lock();
        let line = format!("{:.9} {text}\n", jiff::Timestamp::now());
        let written = inner.application.write_all(line.as_bytes());
        if self.trace || written.is_err() {
            inner.mirror(line.as_bytes());
        }
        inner.keep(written);
    }

    /// Where the run is: in both logs, as AWSTOE has it.
    pub(crate) fn milestone(&self, text: &str) {
        self.note(text);
        self.log(text);
    }

    pub(crate) fn voice(self: &Arc<Self>, place: &str) -> Voice {
        Voice { console: Arc::clone(self), prefix: place.into(), is_silent: false }
    }

    /// Why lines are missing from the logs, should any be.
    pub(crate) fn take_lost(&self) -> Option<io::Error> {
        self.lock().lost.take()
    }

    fn log(&self, text: &str) {
        let text = self.secrets.mask(text);
        let mut inner = self.lock();
        let written = inner.console.write_all(format!("{:.9} {text}\n", jiff::Timestamp::now()).as_bytes());
        inner.keep(written);
    }

    fn line(&self, prefix: &str, kind: &str, text: &str) {
        let text = self.secrets.mask(text);
        self.log(&format!("{kind}{text}"));
        // A full disk must not silence the step: its lines still reach the mirror.
        self.lock().mirror(format!("{prefix}{text}\n").as_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whoever listened may be gone; the logs still hold everything.
    fn mirror(&mut self, line: &[u8]) {
        let _ = self.mirror.write_all(line).and_then(|()| self.mirror.flush());
    }

    fn keep(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.lost.get_or_insert(error);
        }
    }
}

impl Voice {
    /// What the runner has to say about the step.
    pub(crate) fn line(&self, text: &str) {
        self.console.line(&self.prefix, "", text);
    }

    /// Of a step with `disableLogging`.
    pub(crate) fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// The text without what no line may hold.
    pub(crate) fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.console.secrets.mask(text)
    }

    /// What a program printed; `kind` is `Stdout` or `Stderr`.
    pub(crate) fn output(&self, kind: &str, text: &str) {
        if self.is_silent {
            return;
        }
        self.console.line(&self.prefix, &format!("{kind}: "), text);
    }
}
