//! The lines that begin with `$`: `$ORIGIN`, `$TTL`, `$INCLUDE` (RFC 1035, section 5.1; RFC 2308, section 4) and
//! `$GENERATE`.

use super::lexer::Token;
use super::name_text::push_name;
use super::text::{TTL_MAX, push_unescaped, seconds, shown};
use super::{Owner, Parser, Scope};
use crate::base::{Diagnostic, suggest};
use crate::wire::Name;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Files that may include one another in a chain.
const INCLUDE_DEPTH_MAX: usize = 10;
const DIRECTIVES: [&str; 4] = ["$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE"];

impl Parser<'_> {
    /// Obeys a directive; returns the new origin, if it sets one.
    pub(super) fn directive(&mut self, scope: &Scope<'_>, tokens: &[Token]) -> Option<Name> {
        let (first, arguments) = tokens.split_first()?;
        let text = first.of(scope.text);
        let known = DIRECTIVES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(text));
        match (known, arguments) {
            (Some(0), [origin]) => return self.origin_argument(scope, origin),
            (Some(1), [ttl]) => self.set_default_ttl(scope, ttl),
            (Some(2), [path]) => self.include(scope, path, scope.origin.clone()),
            (Some(2), [path, origin]) => {
                if let Some(origin) = self.origin_argument(scope, origin) {
                    self.include(scope, path, origin);
                }
            }
            (Some(3), [_, _, _, _, ..]) => self.generate(scope, tokens),
            (Some(known), _) => {
                let form = ["$ORIGIN NAME", "$TTL SECONDS", "$INCLUDE FILE [ORIGIN]", GENERATE_FORM][known];
                let diagnostic = Diagnostic::error(format!("{} has the wrong number of arguments", DIRECTIVES[known]));
                self.findings.push(diagnostic.at(scope.end_span(tokens), "").hint(format!("it is written `{form}`")));
            }
            (None, _) => {
                let shown = shown(text);
                let hint = match suggest::nearest(&shown, DIRECTIVES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "there are {}; an owner name that begins with `$` is written `\\$`",
                        DIRECTIVES.join(", ")
                    ),
                };
                let diagnostic = Diagnostic::error(format!("`{shown}` is no directive"));
                self.findings.push(diagnostic.at(scope.token_span(first), "").hint(hint));
            }
        }
        None
    }

    fn origin_argument(&mut self, scope: &Scope<'_>, token: &Token) -> Option<Name> {
        self.wire.clear();
        let text = token.of(scope.text);
        let name = push_name(text, scope.origin.as_wire(), &mut self.wire).and_then(|_| Name::from_wire(&self.wire));
        match name {
            Ok((name, _)) => Some(name),
            Err(error) => {
                let message = format!("`{}` is no name: {error}", shown(text));
                self.findings.push(Diagnostic::error(message).at(scope.token_span(token), ""));
                None
            }
        }
    }

    fn set_default_ttl(&mut self, scope: &Scope<'_>, token: &Token) {
        let text = token.of(scope.text);
        match seconds(text) {
            Some(ttl) if ttl <= TTL_MAX => self.default_ttl = Some(ttl),
            _ => {
                let message = format!("`{}` is no TTL", shown(text));
                let hint = format!("give 0 to {TTL_MAX} seconds, or units as in `1h30m` (w, d, h, m, s)");
                self.findings.push(Diagnostic::error(message).at(scope.token_span(token), "").hint(hint));
                // One mistake is enough: the records behind it need not miss their TTL.
                self.default_ttl.get_or_insert(0);
            }
        }
    }

    /// Reads a file in place of the line; origin and owner are as before afterwards.
    fn include(&mut self, scope: &Scope<'_>, token: &Token, origin: Name) {
        let diagnostic = |message: String| Diagnostic::error(message).at(scope.token_span(token), "");
        let Some(path) = self.included_path(scope, token) else {
            self.findings.push(diagnostic("the file name is no valid text".into()));
            return;
        };
        if self.open_files.len() >= INCLUDE_DEPTH_MAX {
            let message = format!("files include one another more than {INCLUDE_DEPTH_MAX} deep");
            self.findings.push(diagnostic(message).hint("include the file from one nearer to the zone file"));
            return;
        }
        let file = match self.files.read(&path) {
            Ok(file) => file,
            Err(error) => {
                self.findings.push(cannot_read(&path, &error).at(scope.token_span(token), ""));
                return;
            }
        };
        if self.open_files.contains(&file) {
            let message = format!("`{}` includes itself", path.display());
            self.findings.push(diagnostic(message).hint("remove this line, or name another file"));
            return;
        }
        let (owner, key) = (self.owner, self.key.clone());
        self.file(file, &origin);
        (self.owner, self.key) = (owner, key);
        if let Owner::Known(apex_stripped) = owner {
            self.staging.begin_owner(&self.key, apex_stripped);
        }
    }

    /// The path in an `$INCLUDE`, relative to the file that holds it.
    fn included_path(&self, scope: &Scope<'_>, token: &Token) -> Option<PathBuf> {
        let mut octets = Vec::new();
        push_unescaped(token.of(scope.text), &mut octets)?;
        let path = String::from_utf8(octets).ok().filter(|path| !path.is_empty() && !path.contains('\0'))?;
        let folder = self.files.path(scope.file).parent().unwrap_or(Path::new(""));
        Some(folder.join(path))
    }
}

/// How `$GENERATE` is written.
pub(super) const GENERATE_FORM: &str = "$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA";

/// The error for a file that cannot be read.
#[must_use]
pub fn cannot_read(path: &Path, error: &std::io::Error) -> Diagnostic {
    let hint = match error.kind() {
        ErrorKind::NotFound => "check the path; it is relative to the file that names it",
        ErrorKind::PermissionDenied => "let the user that the server runs as read the file",
        ErrorKind::IsADirectory => "name the zone file, not its folder",
        _ => "check the file",
    };
    Diagnostic::error(format!("cannot read `{}`: {error}", path.display())).hint(hint)
}
