//! Reads a master file (RFC 1035, section 5; RFC 2308, section 4; RFC 3597, section 5) into staged records. Every mistake
//! is reported with its place; reading goes on behind it.

mod directive;
mod dnssec;
mod generate;
mod header;
pub mod lexer;
mod location;
pub mod name_text;
mod rare;
mod rdata;
#[cfg(test)]
mod rdata_tests;
mod service;
mod text;

pub use directive::cannot_read;
#[cfg(test)]
pub use rare::push_types;

use super::files::{Files, Findings, Place, own_span};
use super::staging::Staging;
use crate::base::{Diagnostic, Span};
use crate::wire::{Name, NameKey, rtype};
use lexer::{Lexer, Punctuation, Token};
use name_text::{push_name, repeats};
use rdata::{DataError, DataText, Oddity};
use std::ops::Range;
use text::shown;

/// Reads the master file of one zone and the files that it includes.
pub struct Parser<'s> {
    apex: &'s Name,
    apex_key: NameKey,
    staging: &'s mut Staging,
    findings: &'s mut Findings,
    files: &'s mut Files,
    /// `$TTL`, or the MINIMUM of the SOA where nothing else was said (RFC 2308, section 4).
    default_ttl: Option<u32>,
    /// The TTL given last, which records without one take where there is no `$TTL` (RFC 1035, section 5.1).
    last_ttl: Option<u32>,
    ttl_missed: bool,
    owner: Owner,
    /// The name of the owner, if there is one.
    key: NameKey,
    /// The text of the owner, while it means the same name.
    owner_text: Vec<u8>,
    wire: Vec<u8>,
    /// The files that are being read, each included by the one before it.
    open_files: Vec<u16>,
    is_full: bool,
}

/// To whom records without an owner belong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// No record came before.
    None,
    /// A mistake that was reported: nobody knows.
    Broken,
    /// The name in the parser's key, with this many labels below the apex.
    Known(usize),
}

/// What the tokens of an entry are read with.
struct Scope<'t> {
    file: u16,
    text: &'t [u8],
    origin: &'t Name,
    /// The directive that made the text, where it is not the file's own.
    made_by: Option<Range<usize>>,
}

impl Scope<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        own_span(self.file, self.made_by.clone().unwrap_or(range))
    }

    fn token_span(&self, token: &Token) -> Span {
        let quotes = usize::from(token.quoted);
        self.span(token.start as usize - quotes..token.end as usize + quotes)
    }

    /// The place behind the last of some tokens.
    fn end_span(&self, tokens: &[Token]) -> Span {
        let end = tokens.last().map_or(0, |last| last.end as usize + usize::from(last.quoted));
        self.span(end..end)
    }
}

impl<'s> Parser<'s> {
    /// A parser that puts records into `staging` and mistakes into `findings`.
    pub fn new(apex: &'s Name, staging: &'s mut Staging, findings: &'s mut Findings, files: &'s mut Files) -> Self {
        Self {
            apex,
            apex_key: NameKey::of(apex),
            staging,
            findings,
            files,
            default_ttl: None,
            last_ttl: None,
            ttl_missed: false,
            owner: Owner::None,
            key: NameKey::default(),
            owner_text: Vec::new(),
            wire: Vec::new(),
            open_files: Vec::new(),
            is_full: false,
        }
    }

    /// Reads a file from its start with `origin`. Other origins that it sets end with it; its `$TTL` stays, as with other
    /// servers.
    pub fn file(&mut self, file: u16, origin: &Name) {
        let octets = self.files.octets(file);
        self.staging.reserve_for_file(octets.len());
        self.open_files.push(file);
        self.owner_text.clear();
        let mut origin = origin.clone();
        let (mut lexer, mut tokens) = (Lexer::new(&octets), Vec::new());
        while let Some(entry) = lexer.next_entry(&mut tokens)
            && !self.is_full
        {
            let scope = Scope { file, text: &octets, origin: &origin, made_by: None };
            if let Some(mistake) = entry.mistake {
                self.punctuation(&scope, mistake);
                if !entry.indented {
                    self.owner = Owner::Broken;
                    self.owner_text.clear();
                }
            } else if !entry.indented && !tokens[0].quoted && octets[tokens[0].start as usize] == b'$' {
                if let Some(changed) = self.directive(&scope, &tokens) {
                    origin = changed;
                    self.owner_text.clear();
                }
            } else {
                self.entry(&scope, entry.indented, &tokens);
            }
        }
        self.open_files.pop();
        self.owner_text.clear();
    }

    fn punctuation(&mut self, scope: &Scope<'_>, mistake: Punctuation) {
        let diagnostic = match mistake {
            Punctuation::OpenQuote(at) => Diagnostic::error("a quoted string is not closed on its line")
                .at(scope.span(at..at + 1), "it opens here")
                .hint("close it with `\"`, or write `\\\"` for a quote that is meant as a character"),
            Punctuation::OpenParenthesis(at) => {
                Diagnostic::error("a parenthesis is not closed before the end of the file")
                    .at(scope.span(at..at + 1), "it opens here")
                    .hint("close it with `)`; everything behind it was read as one record")
            }
            Punctuation::StrayParenthesis(at) => Diagnostic::error("a closing parenthesis without an opening one")
                .at(scope.span(at..at + 1), "")
                .hint("remove it, or open it with `(` on the first line of the record"),
        };
        self.findings.push(diagnostic);
    }

    /// A record: `[OWNER] [TTL] [CLASS] TYPE DATA`.
    fn entry(&mut self, scope: &Scope<'_>, indented: bool, tokens: &[Token]) {
        let rest = if indented {
            if self.owner == Owner::None {
                self.findings.push(
                    Diagnostic::error("the first record begins with a blank, so that it has no owner")
                        .at(scope.token_span(&tokens[0]), "")
                        .hint("write the owner in the first column; `@` stands for the origin"),
                );
                self.owner = Owner::Broken;
            }
            tokens
        } else {
            self.set_owner(scope, &tokens[0]);
            &tokens[1..]
        };
        let Some(header) = self.header(scope, indented, tokens, rest) else { return };
        let data_at = self.staging.data.len();
        let data = DataText { text: scope.text, tokens: header.data, origin: scope.origin, apex: self.apex.as_wire() };
        match rdata::push_data(header.rtype, header.known, data, &mut self.staging.data) {
            Ok(None) => {}
            Ok(Some(Oddity::RepeatsOrigin(token))) => self.warn_of_repeated_origin(scope, &header.data[token]),
            Ok(Some(Oddity::IsAddress(token))) => self.warn_of_address(scope, &header.data[token]),
            Err(error) => {
                self.data_error(scope, tokens, &header, &error);
                self.staging.data.truncate(data_at);
                // An explicit TTL still counts for the records behind it.
                self.last_ttl = header.ttl.or(self.last_ttl);
                return;
            }
        }
        if header.rtype == rtype::SOA {
            self.check_mailbox(scope, &header);
        }
        let ttl = self.ttl(scope, &header, data_at);
        if !matches!(self.owner, Owner::Known(_)) {
            self.staging.data.truncate(data_at);
            return;
        }
        let start = scope.made_by.as_ref().map_or(header.type_start, |made_by| made_by.start as u32);
        let place = Place { file: scope.file, start };
        if self.staging.add(header.rtype, ttl, data_at, place).is_err() {
            self.is_full = true;
            let diagnostic = Diagnostic::error("the zone is too large: its data exceeds 2 GiB");
            self.findings.push(diagnostic.at(scope.end_span(tokens), "reading stopped here"));
        }
    }

    fn set_owner(&mut self, scope: &Scope<'_>, token: &Token) {
        let text = token.of(scope.text);
        if text == self.owner_text && !text.is_empty() {
            return;
        }
        self.owner = Owner::Broken;
        self.owner_text.clear();
        self.wire.clear();
        let relative = match push_name(text, scope.origin.as_wire(), &mut self.wire) {
            Ok(relative) => relative,
            Err(error) => {
                let message = format!("`{}` is no owner name: {error}", shown(text));
                self.findings.push(Diagnostic::error(message).at(scope.token_span(token), ""));
                return;
            }
        };
        // `push_name` made a whole name.
        let _ = self.key.set(&self.wire);
        let apex_stripped = self.key.label_count().checked_sub(self.apex_key.label_count());
        match apex_stripped.filter(|&stripped| self.key.suffix(stripped) == self.apex_key.octets()) {
            Some(apex_stripped) => {
                if relative && repeats(&self.wire, scope.origin.as_wire()) {
                    self.warn_of_repeated_origin(scope, token);
                }
                self.owner = Owner::Known(apex_stripped);
                self.owner_text.extend_from_slice(text);
                self.staging.begin_owner(&self.key, apex_stripped);
            }
            None => {
                let name = Name::from_wire(&self.wire).map_or_else(|_| Name::root(), |(name, _)| name);
                self.findings.push(
                    Diagnostic::error(format!("`{name}` is not in this zone"))
                        .at(scope.token_span(token), "")
                        .hint(format!("the zone holds `{}` and what lies below it", self.apex)),
                );
            }
        }
    }

    fn warn_of_repeated_origin(&mut self, scope: &Scope<'_>, token: &Token) {
        let text = shown(token.of(scope.text));
        self.findings.push(
            Diagnostic::warning(format!("`{text}` has no final dot, so that it means `{text}.{}`", scope.origin))
                .at(scope.token_span(token), "")
                .hint(format!("if that is not meant, write `{text}.`")),
        );
    }

    fn warn_of_address(&mut self, scope: &Scope<'_>, token: &Token) {
        let text = shown(token.of(scope.text));
        self.findings.push(
            Diagnostic::warning(format!("`{text}` is read as a name here: `{text}.{}`", scope.origin))
                .at(scope.token_span(token), "")
                .hint("give the address an A record, and write the name of that here"),
        );
    }

    /// RNAME is a name: what is the `@` of a mailbox stands there as a dot (RFC 1035, section 8).
    fn check_mailbox(&mut self, scope: &Scope<'_>, header: &header::Header<'_>) {
        let Some(token) = header.data.get(1) else { return };
        let text = shown(token.of(scope.text));
        if text.len() > 1 && text.contains('@') && !token.escaped {
            self.findings.push(
                Diagnostic::warning(format!("`{text}` is a name, in which `@` is an ordinary character"))
                    .at(scope.token_span(token), "")
                    .hint(format!("write the mailbox with a dot: `{}`", text.replace('@', "."))),
            );
        }
    }

    fn data_error(&mut self, scope: &Scope<'_>, entry: &[Token], header: &header::Header<'_>, error: &DataError) {
        let token = error.token.and_then(|at| header.data.get(at));
        let span = token.map_or_else(|| scope.end_span(entry), |token| scope.token_span(token));
        let diagnostic = Diagnostic::error(error.message.clone()).at(span, "");
        self.findings.push(match (error.hint, header.known) {
            (Some(hint), _) => diagnostic.hint(hint),
            (None, Some(known)) => diagnostic.hint(format!("it is written `{} {}`", known.mnemonic, known.form)),
            (None, None) => diagnostic,
        });
    }

    /// The TTL of a record, whose data was just staged.
    fn ttl(&mut self, scope: &Scope<'_>, header: &header::Header<'_>, data_at: usize) -> u32 {
        if header.ttl.is_some() {
            self.last_ttl = header.ttl;
        }
        if let Some(ttl) = header.ttl.or(self.default_ttl).or(self.last_ttl) {
            return ttl;
        }
        if header.rtype == rtype::SOA {
            let minimum = soa_minimum(&self.staging.data[data_at..]).min(text::TTL_MAX);
            self.default_ttl = Some(minimum);
            return minimum;
        }
        if !self.ttl_missed {
            self.ttl_missed = true;
            let diagnostic = Diagnostic::error("this record has no TTL, and none was given before it");
            let span = scope.span(header.type_start as usize..header.type_start as usize);
            self.findings.push(diagnostic.at(span, "").hint("begin the file with a default, for example `$TTL 1h`"));
        }
        0
    }
}

/// The last field of stored SOA data.
#[must_use]
pub fn soa_minimum(data: &[u8]) -> u32 {
    data.last_chunk::<4>().map_or(0, |octets| u32::from_be_bytes(*octets))
}
