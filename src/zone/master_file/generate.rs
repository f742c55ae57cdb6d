//! `$GENERATE`, as BIND has it: one line for many records that differ by a number.

use super::directive::GENERATE_FORM;
use super::lexer::{Lexer, Token};
use super::text::number;
use super::{Parser, Scope};
use crate::base::Diagnostic;
use std::fmt::Write as _;

/// Most records of one directive.
const GENERATED_MAX: u32 = 1 << 20;

/// The numbers of a `$GENERATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    start: u32,
    stop: u32,
    step: u32,
}

impl Parser<'_> {
    /// Makes the records of a `$GENERATE` with at least four arguments.
    pub(super) fn generate(&mut self, scope: &Scope<'_>, tokens: &[Token]) {
        let error = |message: &str, token: &Token| {
            let diagnostic = Diagnostic::error(message).at(scope.token_span(token), "");
            diagnostic.hint(format!("it is written `{GENERATE_FORM}`"))
        };
        let (Some(first), Some(last)) = (tokens.get(1), tokens.last()) else { return };
        let Some(numbers) = numbers(first.of(scope.text)) else {
            self.findings.push(error("this is no range of numbers", first));
            return;
        };
        if (numbers.stop - numbers.start) / numbers.step >= GENERATED_MAX {
            self.findings.push(error("this would make more than 1,048,576 records", first));
            return;
        }
        let template = &tokens[2..];
        let made_by = tokens[0].start as usize..last.end as usize;
        let mut made_tokens = Vec::new();
        let mut number = numbers.start;
        let errors_before = self.findings.error_count();
        // One message for a mistake that each of the records would repeat.
        while !self.is_full && self.findings.error_count() == errors_before {
            let mut line = Vec::new();
            for token in template {
                let quote = |line: &mut Vec<u8>| {
                    if token.quoted {
                        line.push(b'"')
                    }
                };
                line.extend_from_slice(if line.is_empty() { b"" } else { b" " });
                quote(&mut line);
                if substitute(token.of(scope.text), number, &mut line).is_none() {
                    self.findings.push(error("this is no valid `${OFFSET,WIDTH,BASE}`", token));
                    return;
                }
                quote(&mut line);
            }
            let made = Scope { file: scope.file, text: &line, origin: scope.origin, made_by: Some(made_by.clone()) };
            if Lexer::new(&line).next_entry(&mut made_tokens).is_some_and(|entry| entry.mistake.is_none()) {
                self.entry(&made, false, &made_tokens);
            }
            match number.checked_add(numbers.step) {
                Some(next) if next <= numbers.stop => number = next,
                _ => break,
            }
        }
    }
}

/// `START-STOP` or `START-STOP/STEP`.
fn numbers(text: &[u8]) -> Option<Numbers> {
    let text = std::str::from_utf8(text).ok()?;
    let (range, step) = text.split_once('/').unwrap_or((text, "1"));
    let (start, stop) = range.split_once('-')?;
    let read = |digits: &str| number(digits.as_bytes(), i32::MAX as u32);
    let numbers = Numbers { start: read(start)?, stop: read(stop)?, step: read(step)? };
    (numbers.start <= numbers.stop && numbers.step > 0).then_some(numbers)
}

/// Appends `template` with each `$` or `${OFFSET,WIDTH,BASE}` replaced by the number; `\$` stays a dollar sign.
fn substitute(template: &[u8], number: u32, line: &mut Vec<u8>) -> Option<()> {
    let mut rest = template;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match octet {
            b'\\' => {
                line.push(octet);
                if let Some((&escaped, after)) = rest.split_first() {
                    line.push(escaped);
                    rest = after;
                }
            }
            b'$' if rest.first() == Some(&b'{') => {
                let end = rest.iter().position(|&octet| octet == b'}')?;
                push_number(std::str::from_utf8(&rest[1..end]).ok()?, number, line)?;
                rest = &rest[end + 1..];
            }
            b'$' => write_number(line, format_args!("{number}")),
            _ => line.push(octet),
        }
    }
    Some(())
}

fn write_number(line: &mut Vec<u8>, number: std::fmt::Arguments<'_>) {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = text.write_fmt(number);
    line.extend_from_slice(text.as_bytes());
}

/// The number in the form `OFFSET[,WIDTH[,BASE]]`; base `d`, `o`, `x`, `X`, or `n` and `N` for nibbles in reverse order
/// with dots between them.
fn push_number(form: &str, number: u32, line: &mut Vec<u8>) -> Option<()> {
    /// Widest number, in digits: longer ones fit into no label.
    const WIDTH_MAX: usize = 127;
    let mut parts = form.split(',');
    let offset: i64 = parts.next()?.parse().ok()?;
    let width: usize = parts.next().unwrap_or("0").parse().ok().filter(|&width| width <= WIDTH_MAX)?;
    let base = parts.next().unwrap_or("d");
    let value = u64::try_from(i64::from(number).checked_add(offset)?).ok()?;
    if parts.next().is_some() {
        return None;
    }
    match base {
        "d" => write_number(line, format_args!("{value:0width$}")),
        "o" => write_number(line, format_args!("{value:0width$o}")),
        "x" => write_number(line, format_args!("{value:0width$x}")),
        "X" => write_number(line, format_args!("{value:0width$X}")),
        "n" | "N" => {
            // The width counts the dots.
            let nibbles = width.div_ceil(2).max(1);
            let digits = if base == "n" { format!("{value:0nibbles$x}") } else { format!("{value:0nibbles$X}") };
            let reversed: Vec<_> = digits.chars().rev().map(String::from).collect();
            line.extend_from_slice(reversed.join(".").as_bytes());
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{numbers, substitute};

    fn made(template: &str, number: u32) -> Option<String> {
        let mut line = Vec::new();
        substitute(template.as_bytes(), number, &mut line)?;
        String::from_utf8(line).ok()
    }

    #[test]
    fn numbers_take_the_place_of_dollars() {
        for (template, number, expected) in [
            ("host-$", 7, "host-7"),
            ("$.$", 12, "12.12"),
            ("h${10}", 5, "h15"),
            ("h${-1,3}", 5, "h004"),
            ("${0,4,x}", 255, "00ff"),
            ("${0,0,X}", 255, "FF"),
            ("${0,3,o}", 8, "010"),
            ("${0,4,n}", 0x1a, "a.1"),
            ("${0,8,N}", 0x1a, "A.1.0.0"),
            ("\\$$", 1, "\\$1"),
        ] {
            assert_eq!(made(template, number).as_deref(), Some(expected), "{template}");
        }
        for template in ["${", "${x}", "${0,0,z}", "${-2}", "${0,0,d,1}", "${0,1000}"] {
            assert_eq!(made(template, 1), None, "{template}");
        }
    }

    #[test]
    fn ranges() {
        assert!(numbers(b"0-10").is_some_and(|n| (n.start, n.stop, n.step) == (0, 10, 1)));
        assert!(numbers(b"0-10/5").is_some_and(|n| n.step == 5));
        for text in ["1", "2-1", "1-2/0", "a-b", "-1-2", "1-2147483648"] {
            assert_eq!(numbers(text.as_bytes()), None, "{text}");
        }
    }
}
