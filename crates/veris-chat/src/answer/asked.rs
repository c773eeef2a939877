//! A question of a session, with what the documents of the session have to say to it.

use std::time::Instant;

use url::Url;

use super::writer::{Stop, Writer};
use super::{Status, Step};
use crate::api_error::ApiError;
use crate::library::{Citer, INSTRUCTION, Progress, question_with};
use crate::prompt::Prompt;
use crate::sessions::{History, Turn};

/// Documents that a session may gather.
const MAX_DOCUMENTS: usize = 50;

/// A question that is being answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) turn: Turn,
    pub(super) question: String,
    /// The question behind the passages that were found for it.
    text: String,
    /// Every document of the session from now on.
    pub(super) documents: Vec<Url>,
}

impl Asked {
    /// A question without documents.
    pub(super) fn new(turn: Turn, question: String, more: Vec<Url>) -> Result<Self, ApiError> {
        let mut documents: Vec<Url> = turn.history.documents().iter().filter_map(|url| Url::parse(url).ok()).collect();
        for url in more {
            if !documents.contains(&url) {
                documents.push(url);
            }
        }
        if documents.len() > MAX_DOCUMENTS {
            return Err(ApiError::too_many_documents(MAX_DOCUMENTS));
        }
        Ok(Self { text: question.clone(), turn, question, documents })
    }

    /// The conversation up to the question, as far as it fits.
    pub(super) fn prompt(&mut self, budget: u32) -> Prompt {
        self.turn.history.fit(&self.text, budget);
        self.same_prompt()
    }

    /// With half of the history; none where there is nothing to leave out.
    pub(super) fn shorter(&mut self) -> Option<Prompt> {
        self.turn.history.halve().then(|| self.same_prompt())
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
        for url in &asked.documents {
            self.ingest(url).await?;
        }
        self.ingestion = began.elapsed();
        let message = "looking for passages that answer the question".to_owned();
        self.send(Step::Status(Status { status: "retrieving", message })).await?;
        let began = Instant::now();
        let passages = self.state.library.search(&asked.documents, &asked.question).await?;
        self.retrieval = began.elapsed();
        asked.text = question_with(&passages, &asked.question);
        self.citer = Citer::new(passages);
        Ok(())
    }

    /// Tells how far the document is until it is there.
    async fn ingest(&self, url: &Url) -> Result<(), Stop> {
        let Some(mut progress) = self.state.library.require(url).await? else { return Ok(()) };
        loop {
            let now = progress.borrow_and_update().clone();
            if let Progress::Ended(ended) = now {
                return Ok(ended?);
            }
            self.send(Step::Status(Status { status: "ingesting", message: now.told(url) })).await?;
            if progress.changed().await.is_err() {
                return Err(ApiError::internal().into());
            }
        }
    }
}
