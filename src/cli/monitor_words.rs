//! What a monitor found, and what that says of its member, in an operator's words. Pure.

/// A status, and how it is taken: `inverted` ones say the opposite, `watch_only` ones nothing.
pub fn taken(status: &str, inverted: bool, watch_only: bool) -> String {
    let means = match (watch_only, inverted, status) {
        (true, ..) => " (watched only: counts for nothing)",
        (false, true, "up") => " (inverted: counts as down)",
        (false, true, "down") => " (inverted: counts as up)",
        _ => "",
    };
    format!("{status}{means}")
}

/// How many monitors are enough, after a name; nothing where all of them are needed.
pub fn enough(at_least: Option<u16>) -> String {
    at_least.map(|least| format!(", at least {least} monitors must agree that a member is up")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::taken;

    #[test]
    fn what_counts_otherwise_says_so() {
        assert_eq!(taken("down", false, false), "down");
        assert_eq!(taken("up", true, false), "up (inverted: counts as down)");
        assert_eq!(taken("unknown", true, false), "unknown");
        assert_eq!(taken("down", true, true), "down (watched only: counts for nothing)");
    }
}
