//! Clients as a file lists them: an address or a prefix a line, and how much it weighs.

use crate::base::Prefix;
use std::collections::BTreeMap;

/// A client, or many alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    /// What it shows.
    pub prefix: Prefix,
    /// How many clients it stands for, relative to the others.
    pub weight: f64,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// In words.
    pub reason: String,
}

/// Most mistakes that are told of one file.
const MISTAKES_MAX: usize = 10;

/// Reads a query log or a list of prefixes: on each line an address or a prefix, behind it, after a space, a tab or a comma,
/// its weight (1 where there is none; what follows the weight is not looked at). Empty lines and what follows `#` say
/// nothing. An address that comes again weighs more.
pub fn parse(text: &str) -> Result<Vec<Listed>, Vec<Mistake>> {
    let mut weights: BTreeMap<Prefix, f64> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let said = line.split('#').next().unwrap_or_default();
        let mut words = said.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty());
        let Some(client) = words.next() else { continue };
        match read(client, words.next()) {
            Ok((prefix, weight)) => *weights.entry(prefix).or_default() += weight,
            Err(reason) if mistakes.len() < MISTAKES_MAX => mistakes.push(Mistake { line: index + 1, reason }),
            Err(_) => break,
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    if !weights.values().any(|&weight| weight > 0.0) {
        return Err(vec![Mistake { line: 1, reason: "no line has a client with a weight".to_owned() }]);
    }
    Ok(weights.into_iter().map(|(prefix, weight)| Listed { prefix, weight }).collect())
}

fn read(client: &str, weight: Option<&str>) -> Result<(Prefix, f64), String> {
    let prefix = client.parse().map_err(|error| format!("`{client}` is no client: {error}"))?;
    let Some(text) = weight else { return Ok((prefix, 1.0)) };
    match text.parse::<f64>() {
        Ok(weight) if weight.is_finite() && weight >= 0.0 => Ok((prefix, weight)),
        _ => Err(format!("`{text}` is no weight: give a number of 0 or more")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Listed, parse};

    #[test]
    fn logs_and_lists_are_read() {
        let read =
            parse("# resolvers\n192.0.2.1\n192.0.2.1 # again\n\n198.51.100.0/24 2.5\n2001:db8::/48,3,kept\n").unwrap();
        let line = |prefix: &str, weight| Listed { prefix: prefix.parse().unwrap(), weight };
        assert_eq!(read, [line("192.0.2.1/32", 2.0), line("198.51.100.0/24", 2.5), line("2001:db8::/48", 3.0)]);
    }

    #[test]
    fn mistakes_are_told_by_line_and_not_without_end() {
        let mistakes = parse("192.0.2.1\nwww.example\n192.0.2.2 -1\n").unwrap_err();
        assert_eq!(mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [2, 3]);
        assert!(mistakes[0].reason.contains("`www.example` is no client"), "{mistakes:?}");
        assert!(mistakes[1].reason.contains("`-1` is no weight"), "{mistakes:?}");
        assert_eq!(parse(&"x\n".repeat(1000)).unwrap_err().len(), 10);
        assert!(parse("# nobody\n192.0.2.1 0\n").is_err());
    }
}
