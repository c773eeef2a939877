//! The parser's process, seen from the server.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::Page;
use super::child::{MAX_PAGES, Message};
use super::error::Problem;
use crate::settings::DocumentSettings;

/// All text of a document; far more than a book has.
const MAX_TEXT: usize = 64 << 20;
/// For starting the process on a busy machine, beside the time that the parser has.
const MARGIN: Duration = Duration::from_secs(10);

/// The pages of a PDF. Dropping the future kills the process.
pub(super) async fn read(settings: &DocumentSettings, pdf: Vec<u8>) -> Result<Vec<Page>, Problem> {
    let mut child = start(settings)?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Problem::Internal("the parser has no pipes"));
    };
    let work = async {
        let ((), pages) = tokio::join!(feed(input, pdf), collect(output));
        match pages {
            Ok(Some(pages)) => Ok(pages),
            Ok(None) => Err(ended(&mut child).await),
            Err(problem) => Err(problem),
        }
    };
    timeout(settings.parse + MARGIN, work).await.unwrap_or(Err(Problem::TooHard("the time it may have")))
}

/// Its environment is empty: there are no credentials to be had.
fn start(settings: &DocumentSettings) -> Result<Child, Problem> {
    let child = Command::new(&settings.parser)
        .arg("--read-pdf")
        .arg(settings.parse.as_secs().to_string())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    child.map_err(|error| {
        tracing::error!("failed to start the parser {}: {error}", settings.parser.display());
        Problem::Internal("the parser cannot be started")
    })
}

/// A parser that stops reading has given up; its end says why.
async fn feed(mut input: ChildStdin, pdf: Vec<u8>) {
    let _ = input.write_all(&pdf).await;
}

/// The pages, or none where the process ended before it had told all.
async fn collect(output: ChildStdout) -> Result<Option<Vec<Page>>, Problem> {
    let mut lines = BufReader::new(output).lines();
    let (mut pages, mut length) = (Vec::new(), 0);
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line).map_err(|_| Problem::Damaged)? {
            Message::Page(page) => {
                length += page.text.len();
                if length > MAX_TEXT {
                    return Err(Problem::TooHard("64 MB of text"));
                }
                pages.push(page);
            }
            Message::End => return Ok(Some(pages)),
            Message::Encrypted => return Err(Problem::Encrypted),
            Message::Damaged => return Err(Problem::Damaged),
            Message::TooManyPages { pages } => return Err(Problem::TooManyPages { pages, limit: MAX_PAGES }),
        }
    }
    Ok(None)
}

/// Why it did not come to its end.
async fn ended(child: &mut Child) -> Problem {
    let Ok(status) = child.wait().await else { return Problem::Internal("the parser was lost") };
    let signal = status.signal().and_then(rustix::process::Signal::from_named_raw);
    match signal {
        Some(rustix::process::Signal::XCPU | rustix::process::Signal::KILL) => Problem::TooHard("the time it may have"),
        // Memory that is not to be had ends a Rust program so.
        Some(rustix::process::Signal::ABORT) => Problem::TooHard("the memory it may have"),
        _ => Problem::Damaged,
    }
}
