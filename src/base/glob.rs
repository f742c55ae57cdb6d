//! Wildcards within one name. Knows neither paths nor what the names are of.

/// Whether one name matches one segment of a pattern: `*` any octets, `?` one character, `[a-z]` and `[!a-z]` one octet
/// of a set. A `[` that is never closed stands for itself.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // On a mismatch the last `*` takes one octet more; that suffices, since an earlier one could only take what it can.
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
                continue;
            }
            None if n == name.len() => return true,
            None => None,
            Some(_) if n == name.len() => None,
            Some(b'?') => Some((1, character_len(&name[n..]))),
            Some(b'[') => match set(&pattern[p..]) {
                Some((used, set)) => set.contains(name[n]).then_some((used, 1)),
                None => (name[n] == b'[').then_some((1, 1)),
            },
            Some(literal) => (name[n] == *literal).then_some((1, 1)),
        };
        match (step, retry) {
            (Some((pattern_used, name_used)), _) => (p, n) = (p + pattern_used, n + name_used),
            (None, Some((after_star, from))) if from < name.len() => {
                (p, n) = (after_star, from + 1);
                retry = Some((after_star, n));
            }
            (None, _) => return false,
        }
    }
}

/// How many octets the first character of UTF-8 has; 1 for what is not UTF-8.
fn character_len(octets: &[u8]) -> usize {
    let text = octets.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    text.chars().next().map_or(1, char::len_utf8)
}

struct Set<'p> {
    inside: &'p [u8],
    negated: bool,
}

impl Set<'_> {
    fn contains(&self, octet: u8) -> bool {
        let mut inside = self.inside;
        let mut found = false;
        while let [first, rest @ ..] = inside {
            (found, inside) = match rest {
                [b'-', last, rest @ ..] => (found || (*first..=*last).contains(&octet), rest),
                _ => (found || *first == octet, rest),
            };
        }
        found != self.negated
    }
}

/// The set at the start of `pattern` and how many octets it takes there; a `]` directly behind `[` is part of it.
fn set(pattern: &[u8]) -> Option<(usize, Set<'_>)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|&octet| octet == b']')?;
    Some((end + 1, Set { inside: &pattern[start..end], negated }))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_match_within_a_name() {
        for (pattern, yes, no) in [
            ("*.toml", &["a.toml", ".toml", "a.b.toml"][..], &["toml", "a.tom", "a.toml~"][..]),
            ("a*b*c", &["abc", "aXbYc", "abbcc", "abcbc"], &["ab", "acb", "abcd"]),
            ("?.toml", &["a.toml", "\u{e9}.toml"], &[".toml", "ab.toml"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x", "-x"]),
            ("[!a-c]x", &["dx", "-x"], &["ax"]),
            ("[]]x", &["]x"], &["x", "[x"]),
            ("[a", &["[a"], &["a"]),
            ("[*]", &["*"], &["a"]),
            ("", &[], &["a"]),
            ("***", &["", "a"], &[]),
        ] {
            for name in yes {
                assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
            }
            for name in no {
                assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(40) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(200).as_bytes()));
    }
}
