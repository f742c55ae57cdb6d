//! Reads what `dns`, `icmp`, `udp`, `exec` and `file` monitors do. Knows no other kinds. Looks for the programs that are
//! named, so that one that is not there is told when the configuration is read.

use super::talk;
use crate::base::Diagnostic;
use crate::config::keys::{Key, monitor as keys};
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{boolean, duration, integer, parsed, text, word};
use crate::config::spec::{path, wrong};
use crate::config::tree::{Node, Spanned};
use crate::probe::spec::{
    BadQuestion, DnsCheck, DnsQuestion, DnsTransport, ExecCheck, ExpectedRecord, FileCheck, IcmpCheck, Kind, Rcode,
    UdpCheck,
};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Says that a monitor of this kind cannot do without a key, unless it has it.
fn needs(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>, kind: Kind, key: &'static Key) {
    if reader.lacks(&[key]) {
        let message = format!("a `{}` monitor needs `{}`", kind.word(), key.name);
        let hint = format!("for example `{} = {}`", key.name, key.example);
        reader.report.absent(Diagnostic::error(message).at(name.span, "").hint(hint));
    }
}

/// Reads a `dns` check.
pub(super) fn dns_check(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>) -> Option<DnsCheck> {
    let query_name = reader.one(&keys::QUERY_NAME, text);
    let query_type = reader.one(&keys::QUERY_TYPE, text);
    let expected = reader.list(&keys::EXPECT_ANSWER, text);
    let rcode = reader.one(&keys::EXPECT_RCODE, word);
    let transport = reader.one(&keys::TRANSPORT, word);
    let recursion_desired = reader.one(&keys::RECURSION_DESIRED, boolean);
    needs(name, reader, Kind::Dns, &keys::QUERY_NAME);
    let query_name = query_name?;
    let type_text = query_type.as_ref().map_or("A", |word| word.value.as_str());
    let question = match (DnsQuestion::new(&query_name.value, type_text), &query_type) {
        (Ok(question), _) => question,
        (Err(BadQuestion::Type), Some(written)) => {
            let message = format!("`{}` is no type of records that can be asked for", written.value.escape_debug());
            let diagnostic = Diagnostic::error(message).at(written.span, "");
            reader.report.push(diagnostic.hint("for example \"A\", \"AAAA\", \"MX\", \"SOA\" or \"TXT\""));
            return None;
        }
        (Err(BadQuestion::Name(why)), _) => {
            let message = format!("`{}` is no domain name: {why}", query_name.value.escape_debug());
            reader.report.error(query_name.span, message);
            return None;
        }
        (Err(BadQuestion::Type), None) => return None,
    };
    let mut expect_answer = Vec::new();
    for text in expected.into_iter().flat_map(|expected| expected.value) {
        match ExpectedRecord::new(&question, &text.value) {
            Ok(record) => expect_answer.push(record),
            Err(why) => {
                let message = format!("`{}` is no data of {type_text} records: {why}", text.value.escape_debug());
                let hint = "write it as a zone file has it, without name, time to live and type";
                reader.report.push(Diagnostic::error(message).at(text.span, "").hint(hint));
            }
        }
    }
    Some(DnsCheck {
        question,
        expect_answer,
        expect_rcode: rcode.and_then(|word| Rcode::of_word(word.value)).unwrap_or_default(),
        transport: match transport.map(|word| word.value) {
            Some("tcp") => DnsTransport::Tcp,
            Some("both") => DnsTransport::Both,
            _ => DnsTransport::Udp,
        },
        recursion_desired: recursion_desired.is_some_and(|desired| desired.value),
    })
}

/// Reads an `icmp` check.
pub(super) fn icmp_check(reader: &mut Reader<'_, '_>) -> IcmpCheck {
    IcmpCheck { count: reader.one(&keys::COUNT, integer).map_or(1, |count| count.value) }
}

/// Reads a `udp` check.
pub(super) fn udp_check(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>) -> UdpCheck {
    let said = talk::tcp_check(reader);
    needs(name, reader, Kind::Udp, &keys::SEND);
    UdpCheck { send: said.send, expect: said.expect }
}

/// Reads an `exec` check.
pub(super) fn exec_check(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>) -> Option<ExecCheck> {
    let command = reader.list(&keys::COMMAND, argument);
    needs(name, reader, Kind::Exec, &keys::COMMAND);
    let command = command?;
    let mut words = command.value.into_iter();
    let Some(program) = words.next() else {
        if reader.is_empty_list(&keys::COMMAND) {
            let message = format!("`{}` is empty, so that there is nothing to run", keys::COMMAND.name);
            reader.report.absent(Diagnostic::error(message).at(command.span, ""));
        }
        return None;
    };
    let check = ExecCheck { program: PathBuf::from(&program.value), arguments: words.map(|word| word.value).collect() };
    let Err(diagnostic) = find(&check.program) else { return Some(check) };
    reader.report.push(diagnostic.at(program.span, ""));
    None
}

/// Reads one word of a command.
fn argument(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    parsed(report, slot, node, |text| {
        if text.contains('\0') {
            return Err(wrong("no program can be given a NUL"));
        }
        Ok(text.to_owned())
    })
}

/// Whether a program can be run as far as can be told without running it.
fn find(program: &Path) -> Result<(), Diagnostic> {
    let shown = program.display().to_string();
    let shown = shown.escape_debug();
    if !program.is_absolute() {
        let diagnostic = Diagnostic::error(format!("`{shown}` is no absolute path"));
        let hint = "write the program's full path and each argument as an element of its own; there is no shell";
        return Err(diagnostic.hint(hint));
    }
    match std::fs::metadata(program) {
        Err(error) => Err(Diagnostic::error(format!("the program `{shown}` cannot be found: {error}"))),
        Ok(metadata) if !metadata.is_file() => Err(Diagnostic::error(format!("`{shown}` is no file"))),
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => {
            let diagnostic = Diagnostic::error(format!("nobody may run `{shown}`"));
            Err(diagnostic.hint(format!("chmod +x {shown}")))
        }
        Ok(_) => Ok(()),
    }
}

/// Reads a `file` check.
pub(super) fn file_check(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>, folder: &Path) -> Option<FileCheck> {
    let path = path(reader, &keys::FILE, folder);
    let default = reader.one(&keys::DEFAULT_STATE, word);
    let stale_after = reader.one(&keys::STALE_AFTER, duration);
    needs(name, reader, Kind::File, &keys::FILE);
    Some(FileCheck {
        path: path?.value,
        default_up: default.is_none_or(|word| word.value == "up"),
        stale_after: stale_after.map(|limit| limit.value),
    })
}
