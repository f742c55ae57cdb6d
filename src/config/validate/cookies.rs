//! The file with the secrets of cookies. Knows nothing of what they are for.

use crate::base::Diagnostic;
use crate::config::files::reason;
use crate::config::keys::cookies::SECRET_FILE;
use crate::config::report::Report;
use crate::config::tree::Spanned;
use crate::snapshot::settings::{COOKIE_SECRETS_MAX, CookieSecret};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Longest file that is read, in octets.
const FILE_LEN_MAX: u64 = 64 * 1024;
/// Hexadecimal digits of a secret.
const DIGITS: usize = 32;

/// Reads the secrets of a file. What is wrong is told at the key that names it, and never shows a secret.
pub fn secrets(file: &Spanned<PathBuf>, report: &mut Report) -> Vec<CookieSecret> {
    let shown = file.value.display();
    let text = match read(&file.value) {
        Ok(text) => text,
        Err(error) => {
            report.error(file.span, format!("cannot read `{shown}`: {}", reason(&error)));
            return Vec::new();
        }
    };
    let mut secrets = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match line.trim() {
            "" => {}
            comment if comment.starts_with('#') => {}
            digits => match secret(digits) {
                Some(secret) => secrets.push(secret),
                None => {
                    let message = format!("`{shown}`, line {number}: a secret has {DIGITS} hexadecimal digits");
                    let hint = "`openssl rand -hex 16` makes one";
                    report.push(Diagnostic::error(message).at(file.span, "").hint(hint));
                    return Vec::new();
                }
            },
        }
    }
    if secrets.is_empty() || secrets.len() > COOKIE_SECRETS_MAX {
        let message = format!(
            "`{}` must name a file of 1 to {COOKIE_SECRETS_MAX} secrets; `{shown}` has {}",
            SECRET_FILE.name,
            secrets.len()
        );
        report.push(Diagnostic::error(message).at(file.span, "").hint("write one on each line, the one in use first"));
    }
    secrets
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_LEN_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn secret(digits: &str) -> Option<CookieSecret> {
    // `from_str_radix` would take a sign too.
    let well_formed = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| well_formed)?;
    Some(CookieSecret(number.to_be_bytes()))
}
