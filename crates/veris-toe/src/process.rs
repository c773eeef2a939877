//! Runs a program in a process group of its own, streams what it prints, and ends all of it in time.

mod capture;
mod lines;

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use self::capture::{Capture, Stream};
use self::lines::Lines;
use crate::action::StepContext;
use crate::console::Voice;

/// A group that was killed has this long to let go of its output; a process that left the group may hold it longer.
const AFTER_KILL: Duration = Duration::from_secs(2);
/// A program that ended while its output is still held gets an explanation into the log after this long.
const BEFORE_NOTICE: Duration = Duration::from_secs(5);
/// The exit code with which AWSTOE's Linux modules ask for a reboot.
const REBOOT: i32 = 194;

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot start {program}")]
    Start { program: String, source: io::Error },
    #[error("cannot wait for {program}")]
    Wait { program: String, source: io::Error },
    #[error("{program} ended with {status}{tail}")]
    Failed { program: String, status: String, tail: String },
    /// No failure.
    #[error("{program} ended with exit code 194: it asks for a reboot, after which its step runs again")]
    Reboot { program: String },
    #[error("{program} was killed after {} s (`timeoutSeconds`){tail}", limit.as_secs())]
    TimedOut { program: String, limit: Duration, tail: String },
    #[error(
        "{program} ended, but a process it left behind held its output until both were killed after {} s \
         (`timeoutSeconds`); redirect the output of what should live on{tail}",
        limit.as_secs()
    )]
    LeftBehind { program: String, limit: Duration, tail: String },
    #[error("{program} was killed because of signal {signal}")]
    Interrupted { program: String, signal: i32 },
}

/// What the threads around a running program tell.
pub(crate) enum Event {
    OutputEnded,
    Exited,
    Interrupted,
}

/// Runs it to its end and answers the beginning of its standard output. `program` is what messages call it.
pub(crate) fn run(mut command: Command, program: &str, step: &StepContext<'_>) -> Result<String, ProcessError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let program = program.to_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(source) => return Err(ProcessError::Start { program, source }),
    };
    let group = Pid::from_child(&child);
    let (sender, events) = mpsc::channel();
    let watched = step.interrupt.watch(group, sender.clone());
    let capture = Arc::new(Mutex::new(Capture::default()));
    let readers = listen(&mut child, &step.voice, &capture, &sender);
    let mut running = Running { group, events, readers, exited: false, step };
    let end = running.until_over();
    if end != End::Over {
        running.kill();
    }
    // Only now, before the child is waited for, may the group's number become another's.
    drop(watched);
    let status = match child.wait() {
        Ok(status) => status,
        Err(source) => return Err(ProcessError::Wait { program, source }),
    };
    let capture = capture.lock().unwrap_or_else(PoisonError::into_inner);
    let (limit, tail) = (step.deadline.limit(), capture.tail());
    match (step.interrupt.signal(), end) {
        (Some(signal), _) => Err(ProcessError::Interrupted { program, signal }),
        (None, End::TimedOut) => Err(ProcessError::TimedOut { program, limit, tail }),
        (None, End::LeftBehind) => Err(ProcessError::LeftBehind { program, limit, tail }),
        (None, _) if status.success() => Ok(capture.output()),
        (None, _) if status.code() == Some(REBOOT) => Err(ProcessError::Reboot { program }),
        (None, _) => Err(ProcessError::Failed { program, status: describe(status), tail }),
    }
}

struct Running<'a> {
    group: Pid,
    events: Receiver<Event>,
    /// Outputs that have not ended.
    readers: usize,
    exited: bool,
    step: &'a StepContext<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Over,
    Interrupted,
    TimedOut,
    /// Timed out after the program itself had ended.
    LeftBehind,
}

impl Running<'_> {
    /// Over means that the program ended and that nobody holds its outputs any more, as AWSTOE waits for both.
    fn until_over(&mut self) -> End {
        let mut notice = None;
        while !self.is_over() {
            if self.step.deadline.has_passed() {
                return if self.exited { End::LeftBehind } else { End::TimedOut };
            }
            let until_notice = notice.map(|at: Instant| at.saturating_duration_since(Instant::now()));
            let wait = [self.step.deadline.remaining(), until_notice].into_iter().flatten().min();
            match self.events.recv_timeout(wait.unwrap_or(Duration::MAX)) {
                Ok(Event::Interrupted) => return End::Interrupted,
                Ok(event) => {
                    self.saw(&event);
                    if matches!(event, Event::Exited) {
                        notice = Instant::now().checked_add(BEFORE_NOTICE);
                    }
                }
                Err(RecvTimeoutError::Timeout) if notice.is_some_and(|at| at <= Instant::now()) => {
                    self.step.voice.line("(the program has ended, but a process it started still holds its output)");
                    notice = None;
                }
                Err(_) => {}
            }
        }
        End::Over
    }

    fn kill(&mut self) {
        // The group may have ended by itself just now, which is as good.
        let _ = kill_process_group(self.group, Signal::KILL);
        let deadline = Instant::now() + AFTER_KILL;
        while !self.is_over() {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => self.saw(&event),
                Err(_) => break,
            }
        }
    }

    fn saw(&mut self, event: &Event) {
        match event {
            Event::OutputEnded => self.readers -= 1,
            Event::Exited => self.exited = true,
            Event::Interrupted => {}
        }
    }

    fn is_over(&self) -> bool {
        self.exited && self.readers == 0
    }
}

/// Starts the threads that read the outputs and wait for the end. The child is left to be waited for.
fn listen(child: &mut Child, voice: &Voice, capture: &Arc<Mutex<Capture>>, events: &Sender<Event>) -> usize {
    let group = Pid::from_child(child);
    let outputs: [(Stream, Option<Box<dyn Read + Send>>); 2] = [
        (Stream::Stdout, child.stdout.take().map(|pipe| Box::new(pipe) as _)),
        (Stream::Stderr, child.stderr.take().map(|pipe| Box::new(pipe) as _)),
    ];
    let mut readers = 0;
    for (stream, pipe) in outputs {
        let Some(mut pipe) = pipe else { continue };
        readers += 1;
        let (voice, capture, events) = (voice.clone(), Arc::clone(capture), events.clone());
        thread::spawn(move || {
            pump(&mut *pipe, stream, &voice, &capture);
            // Nobody listens any more once the step was given up.
            let _ = events.send(Event::OutputEnded);
        });
    }
    let events = events.clone();
    thread::spawn(move || {
        // Without WNOWAIT the group's number would be free while others may still be told to kill it.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(group), options), Err(rustix::io::Errno::INTR)) {}
        let _ = events.send(Event::Exited);
    });
    readers
}

fn pump(pipe: &mut dyn Read, stream: Stream, voice: &Voice, capture: &Mutex<Capture>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut lines = Lines::default();
    let mut tell = |line: &str| {
        let line = voice.masked(line);
        voice.output(stream.name(), &line);
        capture.lock().unwrap_or_else(PoisonError::into_inner).line(stream, &line);
    };
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                capture.lock().unwrap_or_else(PoisonError::into_inner).bytes(stream, &buffer[..count]);
                lines.push(&buffer[..count], &mut tell);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.finish(&mut tell);
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
