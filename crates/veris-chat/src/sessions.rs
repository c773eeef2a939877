//! Conversations: one turn at a time in each, and nothing kept of a turn that did not come to an end.

mod dynamodb;
mod history;
mod sqlite;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

pub(crate) use history::{Exchange, History, Tokens, estimate};
pub use store::{SessionStore, StoreError, Table};

use store::Store;

/// How long a message waits for the answer to the session's previous one.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Names a conversation: the client's id within the client's own ids.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(String);

impl SessionKey {
    /// Neither part holds a control character, so no two pairs make the same key.
    pub(crate) fn new(owner: &str, session_id: &str) -> Self {
        Self(format!("{owner}\u{1f}{session_id}"))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    /// Clients put names of people into their ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// Every conversation, in its store.
#[derive(Debug)]
pub(crate) struct Sessions {
    store: Store,
    /// Only of sessions in which a message is being answered or waits.
    turns: Mutex<HashMap<SessionKey, Arc<TurnLock>>>,
}

#[derive(Debug, Default)]
struct TurnLock {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The session was deleted: what is being answered in it must not bring it back.
    forgotten: Arc<AtomicBool>,
}

/// Why no turn was given.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Another message of the session is still being answered.
    Busy,
    Store(StoreError),
}

impl Sessions {
    pub(crate) fn open(store: &SessionStore) -> Result<Self, StoreError> {
        Ok(Self { store: Store::open(store)?, turns: Mutex::default() })
    }

    /// The right to add the next exchange of a session; other messages of the session wait until it is dropped.
    pub(crate) async fn enter(self: &Arc<Self>, key: SessionKey) -> Result<Turn, Refusal> {
        self.enter_within(key, MAX_WAIT).await
    }

    async fn enter_within(self: &Arc<Self>, key: SessionKey, wait: Duration) -> Result<Turn, Refusal> {
        let lock = Arc::clone(self.lock().entry(key.clone()).or_default());
        let mut place = Place { sessions: Arc::clone(self), key, lock, guard: None };
        let turn = Arc::clone(&place.lock.turn);
        place.guard = Some(tokio::time::timeout(wait, turn.lock_owned()).await.map_err(|_| Refusal::Busy)?);
        let history = self.store.load(&place.key).await.map_err(Refusal::Store)?;
        Ok(Turn { number: history.next_number(), history, place })
    }

    /// Forgets a session; whether there was one.
    pub(crate) async fn forget(&self, key: &SessionKey) -> Result<bool, StoreError> {
        if let Some(lock) = self.lock().remove(key) {
            lock.forgotten.store(true, Ordering::SeqCst);
        }
        self.store.forget(key).await
    }

    /// Whether the store answers.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, Arc<TurnLock>>> {
        // The map is consistent after every statement, so a panic elsewhere does not spoil it.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next exchange of a session, before it exists.
#[derive(Debug)]
pub(crate) struct Turn {
    /// What the model sees of the conversation so far.
    pub(crate) history: History,
    number: u32,
    place: Place,
}

impl Turn {
    /// Keeps question and answer together; returns once they would survive the end of the process.
    pub(crate) async fn commit(self, said: Said) -> Result<(), StoreError> {
        let exchange = Exchange {
            number: self.number,
            oldest_shown: self.history.oldest().unwrap_or(self.number),
            question: said.question,
            answer: said.answer,
            truncated: said.truncated,
            usage: said.usage,
            documents: said.documents,
        };
        let forgotten = Arc::clone(&self.place.lock.forgotten);
        self.place.sessions.store.commit(&self.place.key, exchange, forgotten).await
    }
}

/// What was said in a turn.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) question: String,
    pub(crate) answer: String,
    /// The client left before the end of the answer.
    pub(crate) truncated: bool,
    pub(crate) usage: Option<Tokens>,
    /// Every document of the session, as URLs.
    pub(crate) documents: Vec<String>,
}

/// A place in the queue of a session; the session's entry goes with the last one.
#[derive(Debug)]
struct Place {
    sessions: Arc<Sessions>,
    key: SessionKey,
    lock: Arc<TurnLock>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guard = None;
        let mut turns = self.sessions.lock();
        // Ours and the map's: nobody else waits.
        let last = Arc::strong_count(&self.lock) == 2;
        if last && turns.get(&self.key).is_some_and(|lock| Arc::ptr_eq(lock, &self.lock)) {
            turns.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> Arc<Sessions> {
        Arc::new(Sessions::open(&SessionStore::Memory).unwrap())
    }

    fn key(id: &str) -> SessionKey {
        SessionKey::new("", id)
    }

    fn said(question: &str) -> Said {
        Said {
            question: question.to_owned(),
            answer: "yes".to_owned(),
            truncated: false,
            usage: None,
            documents: Vec::new(),
        }
    }

    async fn questions(sessions: &Arc<Sessions>, id: &str) -> Vec<String> {
        let turn = sessions.enter(key(id)).await.unwrap();
        turn.history.exchanges().map(|exchange| exchange.question.clone()).collect()
    }

    #[tokio::test]
    async fn a_second_message_waits_for_the_first_answer_and_then_gives_up() {
        let sessions = sessions();
        let first = sessions.enter(key("a")).await.unwrap();
        assert!(sessions.enter_within(key("a"), Duration::from_millis(10)).await.is_err());
        let second = tokio::spawn({
            let sessions = Arc::clone(&sessions);
            async move { questions(&sessions, "a").await }
        });
        first.commit(said("one")).await.unwrap();
        assert_eq!(second.await.unwrap(), ["one"]);
        assert!(sessions.lock().is_empty(), "nobody is left in the session");
    }

    #[tokio::test]
    async fn a_deleted_session_is_not_brought_back_by_the_answer_that_was_running() {
        let sessions = sessions();
        sessions.enter(key("a")).await.unwrap().commit(said("one")).await.unwrap();
        let running = sessions.enter(key("a")).await.unwrap();
        assert!(sessions.forget(&key("a")).await.unwrap());
        running.commit(said("two")).await.unwrap();
        assert_eq!(questions(&sessions, "a").await, [""; 0]);
        assert!(!sessions.forget(&key("a")).await.unwrap());
    }

    #[tokio::test]
    async fn owners_do_not_see_each_others_sessions() {
        let sessions = sessions();
        sessions.enter(SessionKey::new("key-1", "a")).await.unwrap().commit(said("mine")).await.unwrap();
        assert_eq!(questions(&sessions, "a").await, [""; 0]);
        assert!(!sessions.forget(&SessionKey::new("key-2", "a")).await.unwrap());
    }
}
