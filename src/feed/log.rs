//! Lines of the log, one for each change. Knows no schedule.

use super::held::HeldWord;
use super::ledger::Event;
use crate::health::Word;

/// Logs a word that holds from before the start.
pub fn restored(held: &HeldWord) {
    let HeldWord { feed, subject, operational, administrative } = held;
    let word = shown(operational.iter().chain(administrative).copied().reduce(Word::worse));
    tracing::warn!(%feed, %subject, word, "a feed's word holds from before the restart, until the feed says otherwise");
}

/// Logs what has happened.
pub fn event(event: &Event) {
    match event {
        Event::Word { feed, subject, from, to } => {
            let (from, shown) = (shown(*from), shown(*to));
            if to.is_some_and(Word::forbids) {
                tracing::warn!(%feed, %subject, %from, to = %shown, cause = "reported by the feed", "a feed says another word");
            } else {
                let cause = if to.is_some() { "reported by the feed" } else { "cleared" };
                tracing::info!(%feed, %subject, %from, to = %shown, cause, "a feed says another word");
            }
        }
        Event::Stale { feed, subject, never, holds, cause } => {
            let holds = shown(*holds);
            let cause = if cause.is_empty() { "no answer yet" } else { cause };
            if *never {
                tracing::warn!(%feed, %subject, %holds, cause, "a feed has never reported; load and weight are as configured");
            } else {
                tracing::warn!(%feed, %subject, %holds, cause, "a feed is stale; load and weight are as configured");
            }
        }
        Event::Odd { feed, subject, what } => {
            tracing::warn!(%feed, %subject, cause = %what, "a feed says something that was skipped; the rest of it counts");
        }
        Event::Fresh { feed, subject } => tracing::info!(%feed, %subject, "a feed reports again"),
    }
}

fn shown(word: Option<Word>) -> String {
    word.map_or_else(|| "none".to_owned(), |word| word.to_string())
}
