//! The parser's process, seen from itself: it reads a PDF from standard input and writes its pages to standard output.
//!
//! Every PDF parser in Rust has been made to hang, to panic, to overflow its stack or to ask for all memory by some file. So this
//! one may do all that: it has nothing to lose but itself.

use std::io::{self, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;

use pdf_extract::{Document, PlainTextOutput, output_doc_page};
use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};

use super::Page;
use crate::behind::BEHIND;

/// Documents with more pages are refused.
pub(super) const MAX_PAGES: usize = 500;
const MAX_MEMORY: u64 = 512 << 20;
/// Of a page; what is beyond is left out.
const MAX_PAGE_TEXT: usize = 2 << 20;
/// Nested objects are read by recursion.
const STACK: usize = 64 << 20;

/// A line of the output, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    Page(Page),
    /// All pages were told.
    End,
    Encrypted,
    Damaged,
    TooManyPages {
        pages: usize,
    },
}

/// Reads the PDF on standard input within this many seconds of processor time. The whole of the hidden `--read-pdf`.
pub fn read_pdf(seconds: u64) -> ExitCode {
    if confine(seconds).is_err() {
        return ExitCode::FAILURE;
    }
    let mut pdf = Vec::new();
    if io::stdin().lock().read_to_end(&mut pdf).is_err() {
        return ExitCode::FAILURE;
    }
    let work = thread::Builder::new().stack_size(STACK).spawn(move || tell_pages(&pdf));
    match work.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        // A panic while the document was opened.
        Ok(Err(_)) => tell(&Message::Damaged).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        _ => ExitCode::FAILURE,
    }
}

/// Ends with its parent, behind the server's own work, within limits, without files and without network.
fn confine(seconds: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Where it is refused the document is read all the same.
    let _ = nice(BEHIND);
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::As, MAX_MEMORY)?;
    limit(Resource::Cpu, seconds)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    // Older kernels confine less, and some not at all; the limits above hold everywhere.
    let _ = close_off();
    Ok(())
}

fn close_off() -> Result<(), landlock::RulesetError> {
    use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _};
    let everything = ABI::V4;
    Ruleset::default()
        .handle_access(AccessFs::from_all(everything))?
        .handle_access(AccessNet::from_all(everything))?
        .create()?
        .restrict_self()?;
    Ok(())
}

fn tell_pages(pdf: &[u8]) -> io::Result<()> {
    let Ok(mut document) = Document::load_mem(pdf) else { return tell(&Message::Damaged) };
    // Many documents are encrypted with an empty password, against printing and such.
    if document.is_encrypted() && document.decrypt("").is_err() {
        return tell(&Message::Encrypted);
    }
    let pages = document.get_pages();
    if pages.is_empty() {
        return tell(&Message::Damaged);
    }
    if pages.len() > MAX_PAGES {
        return tell(&Message::TooManyPages { pages: pages.len() });
    }
    for number in pages.into_keys() {
        tell(&Message::Page(Page { number, text: text_of(&document, number) }))?;
    }
    tell(&Message::End)
}

/// A page that the parser stumbles over counts as blank: the others are worth having.
fn text_of(document: &Document, number: u32) -> String {
    let read = || {
        let mut text = String::new();
        let read = output_doc_page(document, &mut PlainTextOutput::new(&mut text), number);
        read.map(|()| text)
    };
    let Ok(Ok(mut text)) = catch_unwind(AssertUnwindSafe(read)) else { return String::new() };
    if text.len() > MAX_PAGE_TEXT {
        text.truncate(text.floor_char_boundary(MAX_PAGE_TEXT));
    }
    text
}

fn tell(message: &Message) -> io::Result<()> {
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, message)?;
    output.write_all(b"\n")?;
    output.flush()
}
