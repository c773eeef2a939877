//! Conversations, kept in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;

/// A session that was not used for longest is forgotten when there are more.
const MAX_SESSIONS: usize = 2_000;
/// The model sees at most this many earlier exchanges …
const WINDOW_EXCHANGES: usize = 20;
/// … and at most this many bytes of them, about a tenth of the model's context.
const WINDOW_BYTES: usize = 100_000;
/// How long a message waits for the answer to the session's previous one.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Every conversation of this process.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

#[derive(Debug)]
struct Session {
    history: Arc<tokio::sync::Mutex<History>>,
    last_used: Instant,
}

/// Another answer of the same session is still being written.
#[derive(Debug)]
pub(crate) struct Busy;

impl Sessions {
    /// The history of a session, held by one answer at a time.
    pub(crate) async fn enter(&self, session_id: &str) -> Result<OwnedMutexGuard<History>, Busy> {
        self.enter_within(session_id, MAX_WAIT).await
    }

    async fn enter_within(&self, session_id: &str, wait: Duration) -> Result<OwnedMutexGuard<History>, Busy> {
        tokio::time::timeout(wait, self.history(session_id).lock_owned()).await.map_err(|_| Busy)
    }

    /// Forgets a session; an answer that is being written does not bring it back.
    pub(crate) fn remove(&self, session_id: &str) -> bool {
        self.lock().remove(session_id).is_some()
    }

    fn history(&self, session_id: &str) -> Arc<tokio::sync::Mutex<History>> {
        let mut sessions = self.lock();
        if !sessions.contains_key(session_id) && sessions.len() >= MAX_SESSIONS {
            forget_oldest(&mut sessions);
        }
        let session = sessions
            .entry(session_id.to_owned())
            .or_insert_with(|| Session { history: Arc::default(), last_used: Instant::now() });
        session.last_used = Instant::now();
        Arc::clone(&session.history)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        // The map is consistent after every statement, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_oldest(sessions: &mut HashMap<String, Session>) {
    let oldest = sessions.iter().min_by_key(|(_, session)| session.last_used).map(|(id, _)| id.clone());
    if let Some(id) = oldest {
        sessions.remove(&id);
    }
}

/// The newest complete exchanges of a session, bounded in number and size.
#[derive(Debug, Default)]
pub(crate) struct History {
    exchanges: VecDeque<Exchange>,
}

/// A question and its complete answer; neither exists here without the other.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) question: String,
    pub(crate) answer: String,
}

impl History {
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter()
    }

    pub(crate) fn commit(&mut self, exchange: Exchange) {
        self.exchanges.push_back(exchange);
        while self.exchanges.len() > WINDOW_EXCHANGES || (self.exchanges.len() > 1 && self.bytes() > WINDOW_BYTES) {
            self.exchanges.pop_front();
        }
    }

    fn bytes(&self) -> usize {
        self.exchanges.iter().map(|exchange| exchange.question.len() + exchange.answer.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(question: &str, answer: &str) -> Exchange {
        Exchange { question: question.to_owned(), answer: answer.to_owned() }
    }

    #[test]
    fn the_window_keeps_the_newest_exchanges() {
        let mut history = History::default();
        (0..30).for_each(|number| history.commit(exchange(&number.to_string(), "yes")));
        let questions: Vec<_> = history.exchanges().map(|exchange| exchange.question.as_str()).collect();
        assert_eq!(questions.len(), WINDOW_EXCHANGES);
        assert_eq!((questions[0], questions[19]), ("10", "29"));
    }

    #[test]
    fn the_window_is_bounded_in_bytes_but_never_loses_the_last_exchange() {
        let mut history = History::default();
        history.commit(exchange("small", "yes"));
        history.commit(exchange("large", &"x".repeat(WINDOW_BYTES)));
        let questions: Vec<_> = history.exchanges().map(|exchange| exchange.question.as_str()).collect();
        assert_eq!(questions, ["large"]);
    }

    #[tokio::test]
    async fn the_session_unused_for_longest_is_forgotten_first() {
        let sessions = Sessions::default();
        for number in 0..MAX_SESSIONS {
            sessions.enter(&number.to_string()).await.unwrap();
        }
        sessions.enter("0").await.unwrap().commit(exchange("q", "a"));
        sessions.enter("one more").await.unwrap();
        assert_eq!(sessions.enter("0").await.unwrap().exchanges().count(), 1);
        assert!(!sessions.remove("1"), "session 1 was the oldest");
        assert!(sessions.remove("2"));
    }

    #[tokio::test]
    async fn a_second_message_waits_for_the_first_answer_and_then_gives_up() {
        let sessions = Sessions::default();
        let first = sessions.enter("a").await.unwrap();
        assert!(sessions.enter_within("a", Duration::from_millis(10)).await.is_err());
        drop(first);
        assert!(sessions.enter("a").await.is_ok());
    }
}
