//! Who may know whom, and what the pure rooms must not reach for.

use super::source::{Source, paths_from, words};

/// Each room of `src/` and what it may name besides itself and `base`: a room, or one path inside a room.
pub const MAY_KNOW: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &[]),
    ("geo", &[]),
    ("health", &[]),
    ("zone", &["wire"]),
    ("steering", &["health", "geo"]),
    ("snapshot", &["zone", "steering", "geo", "health"]),
    ("answer", &["wire", "zone", "steering", "geo", "snapshot"]),
    ("transport", &["answer", "snapshot"]),
    ("probe", &["health"]),
    ("feed", &["health"]),
    ("simulate", &["steering", "geo", "health", "snapshot"]),
    ("transfer", &["wire", "zone", "snapshot"]),
    (
        "config",
        &[
            "zone",
            "steering",
            "geo",
            "health",
            "snapshot::Settings",
            "snapshot::settings",
            "probe::spec",
            "transfer::spec",
            // Files of certificates are checked where they are named.
            "probe::tls::check_identity",
            "probe::tls::roots_of_file",
            "feed::spec",
            // What can be asked for, and what of whom.
            "feed::page::check_url",
            "feed::page::check_header",
            "feed::page::HEADERS_MAX",
            "feed::plan::Need",
            "feed::plan::lacks",
            // Owner names, as the specs of zones hold them.
            "wire::name",
            "wire::Name",
            "wire::NameError",
            // The records that transfers show.
            "wire::rtype",
        ],
    ),
    ("admin", ALL_BELOW_ADMIN),
    ("boot", ALL_BELOW_BOOT),
    ("cli", ALL_BELOW_CLI),
];

const ALL_BELOW_ADMIN: &[&str] = &[
    "wire",
    "geo",
    "health",
    "zone",
    "steering",
    "snapshot",
    "answer",
    "transport",
    "transfer",
    "probe",
    "feed",
    "config",
];
const ALL_BELOW_BOOT: &[&str] = &[
    "wire",
    "geo",
    "health",
    "zone",
    "steering",
    "snapshot",
    "answer",
    "transport",
    "transfer",
    "probe",
    "feed",
    "config",
    "admin",
];
const ALL_BELOW_CLI: &[&str] = &[
    "wire",
    "geo",
    "health",
    "zone",
    "steering",
    "snapshot",
    "answer",
    "transport",
    "transfer",
    "probe",
    "feed",
    "simulate",
    "config",
    "admin",
    "boot",
];

/// Rooms whose results depend on their arguments alone. `config` reads files, yet no clock.
const NO_CLOCK: &[&str] =
    &["base", "wire", "zone", "geo", "health", "steering", "snapshot", "answer", "simulate", "config"];

/// Files of those rooms that may read the clock all the same.
const CLOCK_EXEMPT: &[(&str, &str)] = &[
    ("src/snapshot/publisher.rs", "a thread of its own that collects changes for 10 ms"),
    ("src/snapshot/clock.rs", "the clock of that thread"),
];

const CLOCKS: &[&str] =
    &["Instant::now", "SystemTime::now", "UNIX_EPOCH", "UnixTime::now", ".elapsed()", "clock_gettime", "thread::sleep"];

/// Rooms that must stay deterministic: chance comes in as an argument too.
const CHANCE: &[&str] = &["getrandom::", "rand::", "RandomState", "thread_rng"];

/// Words that mean a socket.
const SOCKETS: &[&str] = &["UdpSocket", "TcpStream", "TcpListener", "UnixStream", "UnixListener"];
const MAY_HOLD_SOCKETS: &[&str] = &["transport", "transfer", "probe", "feed", "admin", "boot", "cli"];

/// Rooms that open files; everybody else is handed octets.
const MAY_READ_FILES: &[&str] = &["zone", "geo", "config", "probe", "feed", "transfer", "admin", "boot", "cli"];

/// Files of other rooms that may read files all the same.
const READS_FILES: &[(&str, &str)] =
    &[("src/transport/xdp/interface.rs", "what no system call tells of an interface stands in /sys and /proc")];

/// Libraries with a home: nobody else names them outside of tests.
const LIBRARY_HOMES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["base"]),
    ("arc_swap", &["snapshot"]),
    // Signatures of messages; comparing tokens.
    ("aws_lc_rs", &["transfer", "admin"]),
    ("axum", &["admin"]),
    ("clap", &["cli"]),
    ("comfy_table", &["cli"]),
    ("dashmap", &["probe", "feed", "transport", "admin", "boot", "cli"]),
    // Statistics of other balancers; tables of latencies.
    ("csv", &["feed", "geo"]),
    // The embedded country table; downloaded databases.
    ("flate2", &["geo", "cli"]),
    ("getrandom", &["transport", "transfer", "probe", "boot", "cli"]),
    // Record data of zone files; questions of `dns` checks; responses as `explain` and `demo` show them.
    ("hickory_proto", &["zone", "probe", "admin", "cli"]),
    ("http_body_util", &["probe"]),
    ("hyper", &["admin", "probe"]),
    ("hyper_util", &["admin", "probe"]),
    ("indicatif", &["cli"]),
    // Calls in transport and boot; error numbers in probe and feed.
    ("libc", &["base", "transport", "probe", "boot"]),
    ("maxminddb", &["geo", "cli"]),
    ("nix", &["transport", "boot", "cli"]),
    ("notify", &["boot"]),
    ("prometheus_client", &["admin"]),
    ("regex", &["probe"]),
    ("regex_syntax", &["probe"]),
    ("reqwest", &["feed", "cli"]),
    ("rustix", &["transport", "transfer", "probe", "boot", "cli"]),
    ("rustls", &["base", "probe", "feed", "boot", "cli"]),
    ("rustls_native_certs", &["probe", "feed", "cli"]),
    // Server cookies (RFC 9018).
    ("siphasher", &["answer"]),
    // Names of NSEC3 records.
    ("sha1", &["zone"]),
    ("socket2", &["transport", "probe"]),
    ("surge_ping", &["probe"]),
    ("tar", &["cli"]),
    ("tokio", &["transport", "transfer", "probe", "feed", "admin", "boot", "cli"]),
    ("tokio_rustls", &["probe"]),
    ("toml_parser", &["config"]),
    ("tonic", &["probe"]),
    ("tonic_health", &["probe"]),
    ("tracing", &["transport", "transfer", "probe", "feed", "admin", "boot", "cli"]),
    ("tracing_subscriber", &["boot", "cli"]),
    // Where redirects lead.
    ("url", &["probe"]),
    ("x509_parser", &["probe"]),
    // Rings and frames of AF_XDP.
    ("xdp", &["transport"]),
];

/// Rooms that talk to a person.
const MAY_PRINT: &[&str] = &["cli", "main"];
const PRINTING: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!", "stdout()"];
/// Rooms that may hold standard error: `boot` gives it to the log.
const MAY_LOG_TO_STDERR: &[&str] = &["cli", "main", "boot"];

fn allowed(room: &str) -> Option<&'static [&'static str]> {
    MAY_KNOW.iter().find(|(name, _)| *name == room).map(|(_, allowed)| *allowed)
}

fn may_name(room: &str, segments: &[String]) -> bool {
    let Some(first) = segments.first() else { return true };
    if first == room || first == "base" || allowed(first).is_none() {
        // Not a room: an item that stands at the crate root, such as a macro.
        return !matches!(&**first, "*" | "self" | "super");
    }
    allowed(room).unwrap_or_default().iter().any(|entry| {
        let mut entry = entry.split("::");
        segments.iter().zip(entry.by_ref()).all(|(segment, wanted)| segment == wanted) && entry.next().is_none()
    })
}

/// The table.
pub fn rooms_name_only_whom_they_may(file: &Source) -> Vec<String> {
    let Some(room) = file.room() else { return Vec::new() };
    if matches!(room, "lib" | "main") {
        return Vec::new();
    }
    let Some(list) = allowed(room) else {
        return vec![format!(
            "{}: room `{room}` is not in the table; add it to MAY_KNOW in tests/tidy/rooms.rs and to docs/ARCHITECTURE.md \
             with the rooms it may name",
            file.path
        )];
    };
    let mut errors = Vec::new();
    let mut uses = paths_from(&file.code, "crate");
    if file.is_room_root() {
        uses.extend(paths_from(&file.production, "super"));
    }
    for path in uses {
        if !may_name(room, &path.segments) {
            errors.push(format!(
                "{}: room `{room}` names `crate::{}`; it may name only itself, `base` and {list:?}: take what you need as an \
                 argument, or move the code into the room that may know both",
                file.place(path.offset),
                path.segments.join("::")
            ));
        }
    }
    for at in words(&file.code, "crate as") {
        errors.push(format!("{}: `crate as` hides who is named; write `crate::room`", file.place(at)));
    }
    errors
}

/// Every module of the crate root is in the table, and the other way round.
pub fn the_table_is_the_list_of_modules(lib: &Source, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut errors = Vec::new();
    for (room, _) in MAY_KNOW {
        if !exists(room) {
            errors.push(format!("room `{room}` is in MAY_KNOW but there is no src/{room}/; take it out of the table"));
        }
        if words(&lib.code, &format!("mod {room}")).next().is_none() {
            errors.push(format!("{}: has no `mod {room};` although MAY_KNOW lists it", lib.path));
        }
    }
    for at in words(&lib.code, "use") {
        errors.push(format!("{}: the crate root is a map and re-exports nothing; name the room", lib.place(at)));
    }
    errors
}

/// `super::super`, `#[path]` and re-exports of another room.
pub fn every_item_has_one_address(file: &Source) -> Vec<String> {
    let Some(room) = file.room() else { return Vec::new() };
    let mut errors = Vec::new();
    for path in paths_from(&file.code, "super") {
        if path.segments.first().is_some_and(|segment| segment == "super") {
            errors.push(format!(
                "{}: `super::super`; write `crate::{room}::…` so that a reader sees where it leads",
                file.place(path.offset)
            ));
        }
    }
    for at in words(&file.code, "#[path") {
        errors.push(format!("{}: `#[path]`; put the file where its module name says", file.place(at)));
    }
    for at in words(&file.code, "use") {
        let before = file.code[..at].trim_end();
        let public = before.ends_with("pub")
            || (before.ends_with(')')
                && before[before.rfind('(').unwrap_or(0)..].len() < 20
                && before[..before.rfind('(').unwrap_or(0)].trim_end().ends_with("pub"));
        if !public {
            continue;
        }
        let end = file.code[at..].find(';').map_or(file.code.len(), |n| at + n);
        let statement = &file.code[at..end];
        let mut others = paths_from(statement, "crate");
        if file.is_room_root() {
            others.extend(paths_from(statement, "super"));
        }
        for path in others {
            if path.segments.first().is_some_and(|first| first != room) {
                errors.push(format!(
                    "{}: `pub use` of `crate::{}`, which belongs to another room; let users name that room",
                    file.place(at),
                    path.segments.join("::")
                ));
            }
        }
    }
    errors
}

fn ban(file: &Source, code: &str, banned: &[&str], instead: &str) -> Vec<String> {
    let mut errors = Vec::new();
    for word in banned {
        for at in words(code, word) {
            errors.push(format!("{}: `{word}`: {instead}", file.place(at)));
        }
    }
    errors
}

/// Time, chance and the network come in as arguments.
pub fn pure_rooms_are_pure(file: &Source) -> Vec<String> {
    let Some(room) = file.room() else { return Vec::new() };
    let mut errors = Vec::new();
    let exempt = CLOCK_EXEMPT.iter().any(|(path, _)| *path == file.path);
    if NO_CLOCK.contains(&room) {
        if !exempt {
            errors.extend(ban(
                file,
                &file.code,
                CLOCKS,
                "this room reads no clock; take `now: UnixTime` or a `Duration` as an argument",
            ));
        }
        errors.extend(ban(
            file,
            &file.production,
            CHANCE,
            "this room draws no lots; take a random number or a seed as an argument",
        ));
    }
    if !MAY_HOLD_SOCKETS.contains(&room) && room != "main" {
        errors.extend(ban(
            file,
            &file.code,
            SOCKETS,
            "this room knows no sockets; take octets or addresses as arguments",
        ));
    }
    let reads_files = READS_FILES.iter().any(|(path, _)| *path == file.path);
    if !MAY_READ_FILES.contains(&room) && !reads_files && room != "main" {
        let uses = paths_from(&file.production, "std").into_iter();
        for path in uses.filter(|path| path.segments.first().is_some_and(|segment| segment == "fs")) {
            let place = file.place(path.offset);
            errors.push(format!("{place}: `std::fs`: this room opens no files; take their octets as an argument"));
        }
    }
    if !MAY_LOG_TO_STDERR.contains(&room) {
        let instead = "only `boot` gives standard error to the log; log with `tracing`";
        errors.extend(ban(file, &file.code, &["stderr()"], instead));
    }
    if !MAY_PRINT.contains(&room) {
        errors.extend(ban(
            file,
            &file.code,
            PRINTING,
            "only src/cli/ talks to a person; return a value or a Diagnostic, or log with `tracing`",
        ));
    }
    errors
}

/// The exemptions name files that exist.
pub fn exempt_files() -> impl Iterator<Item = &'static str> {
    CLOCK_EXEMPT.iter().chain(READS_FILES).map(|(path, _)| *path)
}

/// Libraries stay in their homes.
pub fn libraries_stay_at_home(file: &Source) -> Vec<String> {
    let Some(room) = file.room() else { return Vec::new() };
    let mut errors = Vec::new();
    for (library, homes) in LIBRARY_HOMES {
        if homes.contains(&room) {
            continue;
        }
        for path in paths_from(&file.production, library) {
            let before = file.production[..path.offset].trim_end();
            if before.ends_with("::") && !before.ends_with("use ::") {
                continue; // a module or variant of ours that has the same name
            }
            errors.push(format!(
                "{}: `{library}` lives in {homes:?}; ask that room for what you need, or, if `{room}` truly is a home too, \
                 say so in LIBRARY_HOMES of tests/tidy/rooms.rs",
                file.place(path.offset)
            ));
        }
    }
    errors
}
