//! Files with latencies: what is read, and every mistake with its place.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Format, LatencyFile, Unknown, read, write_csv};
use crate::base::{RegionId, Sources};
use std::collections::HashMap;

const REGIONS: [&str; 3] = ["eu-west", "us-east", "ap, south"];

fn read_text(text: &str, format: Format, unknown: Unknown) -> (LatencyFile, Sources) {
    let mut sources = Sources::default();
    let source = sources.add("latency", text);
    let regions: HashMap<&str, RegionId> = REGIONS.into_iter().zip((0..).map(RegionId)).collect();
    (read(source, text.as_bytes(), format, &regions, unknown), sources)
}

/// The latencies as a CSV file, without its header.
fn rows(file: &LatencyFile) -> String {
    write_csv(&file.latencies, &REGIONS).split_once('\n').unwrap().1.to_owned()
}

/// Each mistake on a line.
fn mistakes(text: &str, format: Format) -> Vec<String> {
    let (file, sources) = read_text(text, format, Unknown::Refused);
    let line = |line: String| line.split(';').next().unwrap().to_owned();
    file.diagnostics.iter().map(|diagnostic| line(diagnostic.one_line(&sources))).collect()
}

#[test]
fn csv_and_json_say_the_same() {
    let csv = "# measured on a Sunday\n\nkey,region,milliseconds\r\n10.0.0.0/8, eu-west ,18\n2001:db8::/32,us-east,70.5
AS3320,eu-west,7\nas3320,us-east,92\nDE,\"ap, south\",180\nde-be,eu-west,0\n192.0.2.1,eu-west,3";
    let json = r#" [
        {"key": "10.0.0.0/8", "region": "eu-west", "milliseconds": 18},
        {"milliseconds": 70.5, "region": "us-east", "key": "2001:db8::/32"},
        {"key":"AS3320","region":"eu-west","milliseconds":7},{"key":"AS3320","region":"us\u002deast","milliseconds":92},
        {"key": "DE", "region": "ap, south", "milliseconds": 180},
        {"key": "de-be", "region": "eu-west", "milliseconds": 0}, {"key": "192.0.2.1", "region": "eu-west", "milliseconds": 3}
    ] "#;
    let (csv, _) = read_text(csv, Format::Csv, Unknown::Refused);
    let (json, _) = read_text(json, Format::Json, Unknown::Refused);
    let expected = "10.0.0.0/8,eu-west,20\n2001:db8::/32,us-east,75\nAS3320,eu-west,10\nAS3320,us-east,95
DE,\"ap, south\",180\nde-be,eu-west,5\n192.0.2.1/32,eu-west,5\n";
    assert_eq!(rows(&csv), expected);
    assert_eq!(rows(&json), expected);
    assert!(csv.diagnostics.is_empty() && json.diagnostics.is_empty());
}

#[test]
fn what_is_written_is_read_again() {
    let text = "AS3320,eu-west,18\nDE,\"ap, south\",180\nDE-BE,us-east,101\n10.0.0.0/8,eu-west,350\n";
    let (first, _) = read_text(text, Format::Csv, Unknown::Refused);
    let (again, _) = read_text(&write_csv(&first.latencies, &REGIONS), Format::Csv, Unknown::Refused);
    assert_eq!(first.latencies, again.latencies, "steps stay on their step");
    assert_eq!(again.latencies.len(), 4);
}

#[test]
fn mistakes_in_csv_have_line_and_column() {
    let text = "key,region,milliseconds
# a comment, with commas,
10.0.0.1/8,eu-west,18

AS3320,eu-wets,18
AS3320, eu-west , fast
AS3320,eu-west
3320,eu-west,18
Germany,eu-west,18
AS3320,eu-west,-1
AS3320,eu-west,70000
DE,eu-west,1
de,eu-west,2
10.0.0.0/33,eu-west,1
XX,eu-west,1
key,region,milliseconds";
    let expected = [
        "latency:3:1: `10.0.0.1/8` has bits set beyond its prefix length",
        "latency:5:8: region `eu-wets` is not defined",
        "latency:6:19: `fast` is no number",
        "latency:7:1: there are 2 cells, not 3",
        "latency:8:1: `3320` may be anything",
        "latency:9:1: `Germany` says not whose latency it is",
        "latency:10:16: `-1` is no latency in milliseconds",
        "latency:11:16: `70000` is no latency in milliseconds",
        "latency:13:1: the latency from `de` to `eu-west` is there twice",
        "latency:14:1: `10.0.0.0/33` is no prefix: the length after `/` must be 0 to 32 for IPv4, 0 to 128 for IPv6",
        "latency:15:1: the country code `XX` is not assigned",
        "latency:16:12: `milliseconds` is no number",
    ];
    assert_eq!(mistakes(text, Format::Csv), expected);
}

#[test]
fn mistakes_in_json_have_line_and_column() {
    for (text, expected) in [
        ("{}", "latency:1:1: this is no list of objects"),
        ("", "latency:1:1: this is no list of objects"),
        ("[\n  {\"key\": 3320}]", "latency:2:14: this is no latency: invalid type: integer `3320`, expected a string"),
        (
            "[\n {\"key\": \"DE\", \"region\": \"eu-west\"}]",
            "latency:2:35: this is no latency: missing field `milliseconds`",
        ),
        ("[{\"key\":\"DE\",\"region\":\"eu-west\",\"milliseconds\":1} {}]", "latency:1:51: expected `,` or `]`"),
        ("[{\"key\":\"DE\",\"region\":\"eu-west\",\"milliseconds\":1}", "latency:1:50: expected `,` or `]`"),
        ("[{\"key\":\"DE\",\"region\":\"eu-west\",\"milliseconds\":1},", "latency:1:51: the list does not end"),
        ("[] []", "latency:1:4: there is something behind the list"),
        (
            "[\n\n{\"key\":\"D\",\"region\":\"eu-west\",\"milliseconds\":1}]",
            "latency:3:1: `D` says not whose latency it is",
        ),
    ] {
        assert_eq!(mistakes(text, Format::Json), [expected], "{text}");
    }
    assert!(mistakes("[]", Format::Json).is_empty());
}

#[test]
fn a_file_full_of_mistakes_is_given_up() {
    let told = mistakes(&"x,y\n".repeat(1000), Format::Csv);
    assert_eq!(told.len(), 21);
    assert_eq!(told[20], "latency:21:1: there are more mistakes than are told");
}

#[test]
fn regions_that_are_gone_are_left_out_of_a_table_of_before() {
    let (file, sources) = read_text("DE,gone,1\nDE,eu-west,7\nFR,gone,2\n", Format::Csv, Unknown::LeftOut);
    assert_eq!(rows(&file), "DE,eu-west,10\n");
    let told: Vec<String> = file.diagnostics.iter().map(|diagnostic| diagnostic.one_line(&sources)).collect();
    assert_eq!(told, ["latency:1:4: 2 latencies are left out: their regions are not configured any more"]);
}

#[test]
fn octets_that_are_no_text_are_mistakes_and_nothing_worse() {
    let regions = HashMap::new();
    let mut sources = Sources::default();
    for octets in [
        &b"\xff\xfe,\x80,1\n"[..],
        b"\"",
        b"\"a,b\n,c",
        b"#",
        b",,",
        b"[\xff]",
        b"[{\"key\":\"\xff\"",
        b"[[[[",
        b"\n\n\n#\n",
    ] {
        let source = sources.add("latency", octets);
        for format in [Format::Csv, Format::Json] {
            let file = read(source, octets, format, &regions, Unknown::Refused);
            assert!(file.latencies.is_empty());
            file.diagnostics.iter().for_each(|diagnostic| drop(diagnostic.render(&sources, false)));
        }
    }
}
