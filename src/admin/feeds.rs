//! How old what feeds have said is, by whom they said it of. Reads no clock of its own.

use super::status::report::Feed;
use crate::base::UnixTime;
use crate::feed::{FeederHandle, States};
use crate::health::Subject;
use std::collections::HashMap;

/// What is known of feeds, at one moment.
#[derive(Debug, Default)]
pub struct Feeds(HashMap<Subject, Vec<Feed>>);

impl Feeds {
    /// What the feeder knows now.
    pub fn known(feeder: &FeederHandle) -> Self {
        Self::at(&feeder.states(), feeder.now())
    }

    fn at(states: &States, now: UnixTime) -> Self {
        let mut by_subject: HashMap<Subject, Vec<Feed>> = HashMap::new();
        for entry in states {
            let ((name, subject), state) = entry.pair();
            by_subject.entry(subject.clone()).or_default().push(Feed {
                name: name.to_string(),
                age: state.age(now).map(|age| age.as_secs()),
                stale: state.is_stale,
                failing: state.is_failing,
                last_error: (!state.last_error.is_empty()).then(|| state.last_error.to_string()),
            });
        }
        by_subject.values_mut().for_each(|feeds| feeds.sort_by(|a, b| a.name.cmp(&b.name)));
        Self(by_subject)
    }

    /// Those of a region or a member, by name.
    pub fn of(&self, subject: &Subject) -> Vec<Feed> {
        self.0.get(subject).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Feeds;
    use crate::base::UnixTime;
    use crate::feed::{FeedState, States};
    use crate::health::{Load, Subject};

    #[test]
    fn feeds_are_told_with_the_age_of_their_reports_by_name() {
        let subject = Subject::Region("eu".into());
        let state = |last_report, error: &str, is_stale| FeedState {
            word: None,
            weight_percent: None,
            load: Load::default(),
            last_report,
            last_error: error.into(),
            is_failing: !error.is_empty(),
            is_stale,
        };
        let states = States::default();
        states.insert(("b".into(), subject.clone()), state(Some(UnixTime::from_secs(70)), "refused", true));
        states.insert(("a".into(), subject.clone()), state(Some(UnixTime::from_secs(97)), "", false));
        states.insert(("c".into(), subject.clone()), state(None, "refused", false));
        let feeds = Feeds::at(&states, UnixTime::from_secs(100)).of(&subject);
        let told: Vec<_> = feeds.iter().map(|feed| (&*feed.name, feed.age, feed.stale, feed.failing)).collect();
        assert_eq!(told, [("a", Some(3), false, false), ("b", Some(30), true, true), ("c", None, false, true)]);
        assert_eq!(feeds[1].last_error.as_deref(), Some("refused"));
        assert!(Feeds::at(&states, UnixTime::from_secs(100)).of(&Subject::Region("us".into())).is_empty());
    }
}
