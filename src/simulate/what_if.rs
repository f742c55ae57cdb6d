//! What is supposed: regions, pools or members that are down or drained, by the patterns that operators use.

use crate::steering::control::operator::pattern::PatternError;
use crate::steering::control::operator::{Action, Pattern, target_text};
use crate::steering::spec::{MemberTarget, Pool, Region};

/// What is supposed of the things that a pattern names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What of.
    pub pattern: Pattern,
    /// What.
    pub wish: Wish,
}

/// What is supposed of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Its monitors find it down.
    Down,
    /// An operator says this of it.
    Operator(Action),
}

/// Reads a pattern; a word without a slash is the name of a region.
pub fn pattern(text: &str) -> Result<Pattern, PatternError> {
    let is_name = !text.is_empty() && !text.contains('/') && !matches!(text, "region" | "pool");
    if is_name { format!("region/{text}").parse() } else { text.parse() }
}

impl Change {
    /// Whether it makes a member fail.
    #[must_use]
    pub fn fells(&self, pool: &Pool, region: &Region, target: &MemberTarget) -> bool {
        self.wish == Wish::Down && self.pattern.covers_member(&pool.name, &region.name, &target_text(target))
    }

    /// As a part of a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        match self.wish {
            Wish::Down => format!("{} is down", self.pattern),
            Wish::Operator(action) => format!("{} is {}", self.pattern, action.words()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Change, Wish, pattern};
    use crate::steering::control::operator::Action;

    #[test]
    fn a_word_alone_is_a_region() {
        for (text, meant) in [("eu-west", "region/eu-west"), ("eu-*", "region/eu-*"), ("pool/web", "pool/web")] {
            assert_eq!(pattern(text).unwrap().to_string(), meant);
        }
        for text in ["", "pool", "zone/x"] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn changes_are_told_in_the_words_of_operators() {
        let change = |wish| Change { pattern: pattern("eu-west").unwrap(), wish }.words();
        assert_eq!(change(Wish::Down), "region/eu-west is down");
        assert_eq!(change(Wish::Operator(Action::Drain { percent: 100 })), "region/eu-west is draining");
        assert_eq!(change(Wish::Operator(Action::Drain { percent: 30 })), "region/eu-west is draining 30 %");
    }
}
