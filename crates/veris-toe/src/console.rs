//! Where a run speaks: `console.log` and a mirror, which is stderr for the binary; `application.log` for the runner
//! itself.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lines of steps and of the runner. Shared by the threads that read a step's output.
pub struct Console {
    inner: Mutex<Inner>,
    /// Whether what the runner does is mirrored too.
    trace: bool,
}

struct Inner {
    console: File,
    application: File,
    mirror: Box<dyn Write + Send>,
}

/// The console under the name of a step.
#[derive(Clone)]
pub(crate) struct Voice {
    console: Arc<Console>,
    prefix: String,
}

impl Console {
    /// Creates both logs in `folder`.
    pub fn create(folder: &Path, mirror: Box<dyn Write + Send>, trace: bool) -> io::Result<Self> {
        let console = File::create(folder.join("console.log"))?;
        let application = File::create(folder.join("application.log"))?;
        Ok(Self { inner: Mutex::new(Inner { console, application, mirror }), trace })
    }

    /// What the runner does; with a time in `application.log`.
    pub(crate) fn note(&self, text: &str) {
        let mut inner = self.lock();
        let line = format!("{:.3} {text}\n", jiff::Timestamp::now());
        let written = inner.application.write_all(line.as_bytes());
        if self.trace || written.is_err() {
            inner.mirror(line.as_bytes());
        }
    }

    pub(crate) fn voice(self: &Arc<Self>, phase: &str, step: &str) -> Voice {
        Voice { console: Arc::clone(self), prefix: format!("[{phase}] [{step}] ") }
    }

    fn line(&self, prefix: &str, text: &str) {
        let line = format!("{prefix}{text}\n");
        let mut inner = self.lock();
        // A full disk must not silence the step: its lines still reach the mirror.
        let _ = inner.console.write_all(line.as_bytes());
        inner.mirror(line.as_bytes());
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
}

impl Voice {
    pub(crate) fn line(&self, text: &str) {
        self.console.line(&self.prefix, text);
    }
}
