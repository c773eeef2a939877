//! A question of a session, with what the documents of the session have to say to it.

use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::sync::watch;
use url::Url;

use super::writer::{Stop, Writer};
use super::{Status, Step};
use crate::api_error::ApiError;
use crate::documents::filename;
use crate::library::{INSTRUCTION, Passage, Progress, question_with};
use crate::prompt::Prompt;
use crate::sessions::{History, Turn, estimate};

/// Documents that a session may gather.
const MAX_DOCUMENTS: usize = 50;

/// A question that is being answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) turn: Turn,
    pub(super) question: String,
    /// What was found for it, the nearest first.
    pub(super) passages: Vec<Passage>,
    /// The question behind these passages.
    text: String,
    /// Every document of the session from now on.
    pub(super) documents: Vec<Url>,
    /// How many of them it had before this question.
    known: usize,
}

impl Asked {
    /// A question without documents.
    pub(super) fn new(turn: Turn, question: String, more: Vec<Url>) -> Result<Self, ApiError> {
        let mut documents: Vec<Url> = turn.history.documents().iter().filter_map(|url| Url::parse(url).ok()).collect();
        let known = documents.len();
        for url in more {
            if !documents.contains(&url) {
                documents.push(url);
            }
        }
        if documents.len() > MAX_DOCUMENTS {
            return Err(ApiError::too_many_documents(MAX_DOCUMENTS));
        }
        Ok(Self { text: question.clone(), turn, question, passages: Vec::new(), documents, known })
    }

    fn found(&mut self, passages: Vec<Passage>) {
        self.text = question_with(&passages, &self.question);
        self.passages = passages;
    }

    /// The conversation up to the question, as far as it fits. Passages may take half of the budget.
    pub(super) fn prompt(&mut self, budget: u32) -> Prompt {
        while estimate(&self.text) > budget / 2 && self.fewer_passages() {}
        self.turn.history.fit(&self.text, budget);
        self.same_prompt()
    }

    /// With half of the history, or without it with half of the passages; none where there is nothing to leave out.
    pub(super) fn shorter(&mut self) -> Option<Prompt> {
        (self.turn.history.halve() || self.fewer_passages()).then(|| self.same_prompt())
    }

    /// Leaves the half that is less near out.
    fn fewer_passages(&mut self) -> bool {
        if self.passages.is_empty() {
            return false;
        }
        let mut passages = std::mem::take(&mut self.passages);
        passages.truncate(passages.len() / 2);
        self.found(passages);
        true
    }

    fn same_prompt(&self) -> Prompt {
        let history: &History = &self.turn.history;
        let system = if self.documents.is_empty() { Vec::new() } else { vec![INSTRUCTION.to_owned()] };
        Prompt::next(history, &self.text, system)
    }
}

impl Writer {
    /// Reads the documents of the session that are not in the library, and finds what answers the question.
    pub(super) async fn consult(&mut self, asked: &mut Asked) -> Result<(), Stop> {
        if asked.documents.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        // At the same time: each may be a question to another machine.
        let flights = try_join_all(asked.documents.iter().map(|url| self.state.library.require(url))).await?;
        for (number, (url, flight)) in asked.documents.iter().zip(flights).enumerate() {
            let Some(progress) = flight else { continue };
            match self.follow(url, progress).await? {
                // The library may have been lost, and the document be gone by now: the rest of the session is of use.
                Err(error) if number < asked.known => {
                    let message = format!("going on without {}: {}", filename(url), error.message());
                    self.send(Step::Status(Status { status: "ingesting", message })).await?;
                }
                ended => ended?,
            }
        }
        self.ingestion = began.elapsed();
        let message = "looking for passages that answer the question".to_owned();
        self.send(Step::Status(Status { status: "retrieving", message })).await?;
        let began = Instant::now();
        asked.found(self.state.library.search(&asked.documents, &asked.question).await?);
        self.retrieval = began.elapsed();
        Ok(())
    }

    /// Tells how far the document is until it is there.
    async fn follow(&self, url: &Url, mut progress: watch::Receiver<Progress>) -> Result<Result<(), ApiError>, Stop> {
        loop {
            let now = progress.borrow_and_update().clone();
            if let Progress::Ended(ended) = now {
                return Ok(ended);
            }
            self.send(Step::Status(Status { status: "ingesting", message: now.told(url) })).await?;
            if progress.changed().await.is_err() {
                return Ok(Err(ApiError::internal()));
            }
        }
    }
}
