//! What the model sees of a conversation: its newest exchanges, as many as the budget allows.
//!
//! Bedrock does not count tokens for inference profiles, so the size of a prompt is what Bedrock counted for the previous one,
//! plus an estimate of what is new.

use std::collections::VecDeque;

/// A question and its answer; neither is kept without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Counted from one within the session.
    pub(crate) number: u32,
    /// The oldest exchange that the model saw when it answered; its own number when it saw none.
    pub(crate) oldest_shown: u32,
    pub(crate) question: String,
    pub(crate) answer: String,
    /// The client left before the end of the answer.
    pub(crate) truncated: bool,
    pub(crate) usage: Option<Tokens>,
    /// Every document of the session from this exchange on, as URLs.
    pub(crate) documents: Vec<String>,
}

/// Tokens as Bedrock counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// All that the model read: instructions, earlier exchanges and the question.
    pub(crate) prompt: u32,
    pub(crate) answer: u32,
}

/// Successive exchanges, oldest first; the newest is the newest of the session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    exchanges: VecDeque<Exchange>,
    newest: u32,
    documents: Vec<String>,
}

/// At least as many tokens as Bedrock will count: three bytes a token, where English has four and other scripts about three,
/// and some for the frame around a message.
pub(crate) fn estimate(text: &str) -> u32 {
    u32::try_from(text.len() / 3).unwrap_or(u32::MAX).saturating_add(8)
}

impl Exchange {
    fn tokens(&self) -> u32 {
        let answer = self.usage.map_or_else(|| estimate(&self.answer), |usage| usage.answer);
        estimate(&self.question).saturating_add(answer)
    }
}

impl From<Vec<Exchange>> for History {
    fn from(exchanges: Vec<Exchange>) -> Self {
        let newest = exchanges.last().map_or(0, |exchange| exchange.number);
        Self::after(newest, exchanges)
    }
}

impl History {
    /// What is left of a session whose newest exchange has this number.
    pub(super) fn after(newest: u32, exchanges: Vec<Exchange>) -> Self {
        let documents = exchanges.last().map(|exchange| exchange.documents.clone()).unwrap_or_default();
        Self { exchanges: exchanges.into(), newest, documents }
    }

    /// The documents of the session, as URLs; also when no exchange fits into the prompt any more.
    pub(crate) fn documents(&self) -> &[String] {
        &self.documents
    }

    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter()
    }

    pub(super) fn next_number(&self) -> u32 {
        self.newest.saturating_add(1)
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        self.exchanges.front().map(|exchange| exchange.number)
    }

    /// Leaves the oldest exchanges out until the prompt with `question` fits into `budget` tokens.
    ///
    /// When something must go, a quarter of the budget is freed at once: the beginning of the prompt then stays the same for
    /// many questions, and Bedrock's prompt cache knows it.
    pub(crate) fn fit(&mut self, question: &str, budget: u32) {
        let mut needed = self.tokens().saturating_add(estimate(question));
        if needed <= budget {
            return;
        }
        let target = budget - budget / 4;
        while needed > target
            && let Some(oldest) = self.exchanges.pop_front()
        {
            needed = needed.saturating_sub(oldest.tokens());
        }
    }

    /// Leaves the older half out; false when there was nothing to leave out.
    pub(crate) fn halve(&mut self) -> bool {
        let dropped = self.exchanges.len().div_ceil(2);
        self.exchanges.drain(..dropped);
        dropped > 0
    }

    /// Tokens of a prompt with all these exchanges.
    pub(crate) fn tokens(&self) -> u32 {
        match self.exchanges.back().and_then(|newest| newest.usage) {
            // The newest answer was written with exactly the exchanges before it in sight.
            Some(usage) => usage.prompt.saturating_add(usage.answer),
            None => self.exchanges.iter().map(Exchange::tokens).fold(0, u32::saturating_add),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exchange(number: u32, bytes: usize, usage: Option<Tokens>) -> Exchange {
        let text = "x".repeat(bytes);
        Exchange {
            number,
            oldest_shown: 1,
            question: text.clone(),
            answer: text,
            truncated: false,
            usage,
            documents: Vec::new(),
        }
    }

    fn numbers(history: &History) -> Vec<u32> {
        history.exchanges().map(|exchange| exchange.number).collect()
    }

    #[test]
    fn a_conversation_within_the_budget_is_shown_whole() {
        let mut history = History::from((1..=20).map(|number| exchange(number, 30, None)).collect::<Vec<_>>());
        history.fit("more", 1_000);
        assert_eq!(history.exchanges().count(), 20);
    }

    #[test]
    fn what_bedrock_counted_weighs_more_than_the_estimate() {
        let counted = Some(Tokens { prompt: 5_000, answer: 100 });
        let mut history = History::from(vec![exchange(1, 30, None), exchange(2, 30, counted)]);
        history.fit("more", 10_000);
        assert_eq!(numbers(&history), [1, 2]);
        history.fit("more", 5_050);
        assert_eq!(numbers(&history), [0; 0]);
    }

    #[test]
    fn a_full_window_slides_in_steps_so_that_its_beginning_stays() {
        let mut history = History::from((1..=10).map(|number| exchange(number, 300, None)).collect::<Vec<_>>());
        history.fit("more", 2_000);
        assert_eq!(history.oldest(), Some(5));
        assert_eq!(history.next_number(), 11);
        history.fit("more", 2_000);
        assert_eq!(history.oldest(), Some(5));
    }

    proptest! {
        #[test]
        fn the_newest_exchanges_stay_and_the_estimate_keeps_to_the_budget(
            sizes in prop::collection::vec(0usize..2_000, 0..30), budget in 100u32..5_000,
        ) {
            let all: Vec<_> = sizes.iter().zip(1..).map(|(&bytes, number)| exchange(number, bytes, None)).collect();
            let mut history = History::from(all);
            history.fit("question", budget);
            prop_assert!(history.exchanges().count() == 0 || history.tokens() + estimate("question") <= budget);
            let shown = numbers(&history);
            let expected: Vec<u32> = (1..=u32::try_from(sizes.len()).unwrap()).rev().take(shown.len()).collect();
            prop_assert_eq!(shown.into_iter().rev().collect::<Vec<_>>(), expected);
        }
    }
}
