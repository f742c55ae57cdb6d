//! Members that report more than their pool's limits. Pure and without memory but for what is handed in.

use super::course::Exceeded;
use crate::health::Load;
use crate::steering::spec::Limits;

/// A member that was beyond a limit has come back when it reports this part of it.
const BACK_AT: f64 = 0.9;

/// The first limit that a member is beyond. `before`: the one it was beyond until now.
pub(super) fn exceeded(
    limits: &Limits,
    load: &Load,
    capacity: Option<f64>,
    before: Option<&Exceeded>,
) -> Option<Exceeded> {
    let checks = [
        ("utilisation", limits.utilisation, load.utilisation_of(capacity)),
        ("connections", limits.connections, load.connections),
        ("bandwidth", limits.bandwidth, load.bandwidth),
        ("packets", limits.packets, load.packets),
        ("requests", limits.requests, load.requests),
        ("response_time", limits.response_time, load.response_time),
    ];
    checks.into_iter().find_map(|(limit, most, reported)| {
        let (most, reported) = (most?, reported?);
        // Hysteresis goes by the limit: one that another one took the place of is met only when it is well met.
        let was_beyond = before.is_some_and(|before| before.limit == limit);
        let bar = if was_beyond { most * BACK_AT } else { most };
        (reported > bar).then_some(Exceeded { limit, most, reported })
    })
}

/// Whether any limit is set.
pub(super) fn any(limits: &Limits) -> bool {
    *limits != Limits::default()
}

#[cfg(test)]
mod tests {
    use super::exceeded;
    use crate::health::Load;
    use crate::steering::spec::Limits;

    #[test]
    fn a_member_comes_back_at_nine_tenths_of_its_limit() {
        let limits = Limits { connections: Some(100.0), ..Limits::default() };
        let load = |connections| Load { connections: Some(connections), ..Load::default() };
        assert_eq!(exceeded(&limits, &load(100.0), None, None), None);
        let beyond = exceeded(&limits, &load(101.0), None, None);
        assert_eq!(
            beyond.map(|beyond| (beyond.limit, beyond.most, beyond.reported)),
            Some(("connections", 100.0, 101.0))
        );
        assert!(exceeded(&limits, &load(95.0), None, beyond.as_ref()).is_some());
        assert_eq!(exceeded(&limits, &load(90.0), None, beyond.as_ref()), None);
    }

    #[test]
    fn what_is_not_reported_exceeds_nothing() {
        let limits = Limits { utilisation: Some(0.9), ..Limits::default() };
        let load = Load { requests: Some(95.0), ..Load::default() };
        assert_eq!(exceeded(&limits, &load, None, None), None);
        assert!(exceeded(&limits, &load, Some(100.0), None).is_some());
    }
}
