//! Rows of HAProxy's statistics, as its versions 2 and 3 write them.

use crate::feed::haproxy_stats::{Page, Wanted};
use crate::feed::reading::{Reading, Words};
use crate::feed::spec::Measure;
use crate::health::{Load, Word};

const HEADER: &str = "# pxname,svname,qcur,scur,slim,bin,bout,econ,status,weight,type,rate,req_rate,last_chk,rtime,\n";

/// A page with these rows under the header above.
fn page(rows: &str) -> Page {
    Page::parse(format!("{HEADER}{rows}").as_bytes()).unwrap()
}

fn wanted(backend: &str, server: &str) -> Wanted {
    Wanted {
        backend: backend.into(),
        server: server.into(),
        full_weight: Some(200),
        measures: Vec::new(),
        by_limit: true,
    }
}

fn word(status: &str) -> Option<Word> {
    let read = page(&format!("b,s,0,0,,0,0,0,{status},1,2,0,,,0,\n")).read(&wanted("b", "s"));
    read.ok().map(|reading| match reading.words {
        Words::Whole(word) => word,
        other => panic!("{other:?}"),
    })
}

#[test]
fn every_status_has_its_word() {
    for (status, expected) in [
        ("UP", Word::Up),
        ("UP 1/2", Word::Up),
        ("OPEN", Word::Up),
        ("FULL", Word::Up),
        ("no check", Word::Ready),
        ("DOWN", Word::Down),
        ("DOWN 1/2", Word::Down),
        ("DOWN (agent)", Word::Down),
        ("STOP", Word::Stopped),
        ("NOLB", Word::Drain),
        ("NOLB 1/2", Word::Drain),
        ("DRAIN", Word::Drain),
        ("DRAIN (agent)", Word::Drain),
        ("MAINT", Word::Maint),
        ("MAINT (via b/s1)", Word::Maint),
        ("MAINT (resolution)", Word::Maint),
    ] {
        assert_eq!(word(status), Some(expected), "{status}");
    }
    for status in ["", "no", "up", "UPSIDE", "maybe"] {
        assert_eq!(word(status), None, "{status}");
    }
}

#[test]
fn a_server_is_read_with_its_queue_and_its_limit() {
    let reading = page("b,s,5,20,100,1000,2000,0,UP,50,2,7,,\"Layer4, \"\"fine\"\"\",250,\n").read(&wanted("b", "s"));
    let expected = Reading {
        words: Words::Whole(Word::Up),
        weight_percent: Some(25),
        load: Load {
            utilisation: Some(0.25),
            connections: Some(20.0),
            requests: Some(7.0),
            response_time: Some(0.25),
            ..Load::default()
        },
        counters: vec![(Measure::Bandwidth, 3000.0)],
        ..Reading::default()
    };
    assert_eq!(reading, Ok(expected));
}

#[test]
fn what_a_row_does_not_have_is_not_said() {
    let mut wanted = wanted("b", "s");
    wanted.full_weight = None;
    let reading = page("b,s,,,,,,,no check,,,,,,,\n").read(&wanted);
    assert_eq!(reading, Ok(Reading { words: Words::Whole(Word::Ready), ..Reading::default() }));
}

#[test]
fn a_backend_is_measured_by_the_limits_of_its_servers_in_service() {
    let servers = "b,s1,1,30,50,0,0,0,UP,1,2,0,,,0,\nb,s2,0,10,50,0,0,0,UP 1/2,1,2,0,,,0,\n";
    let gone = "b,s3,0,40,50,0,0,0,MAINT,1,2,0,,,0,\n";
    let backend = "b,BACKEND,9,80,10,0,0,0,UP,2,1,3,,,0,\n";
    let of = |rows: &str| page(rows).read(&wanted("b", "BACKEND")).unwrap().load;
    let load = of(&format!("{servers}{gone}{backend}"));
    assert_eq!((load.utilisation, load.connections, load.requests), (Some(0.5), Some(80.0), Some(3.0)));
    // While one of them takes any number there is no limit.
    let endless = "b,s4,0,0,,0,0,0,UP,1,2,0,,,0,\n";
    assert_eq!(of(&format!("{servers}{endless}{backend}")).utilisation, None);
    assert_eq!(of(backend).utilisation, None);
    let mut by_capacity = wanted("b", "BACKEND");
    by_capacity.by_limit = false;
    let load = page(&format!("{servers}{backend}")).read(&by_capacity).unwrap().load;
    assert_eq!((load.utilisation, load.connections), (None, Some(80.0)));
}

#[test]
fn a_backend_whose_servers_are_all_out_of_service_on_purpose_is_not_called_down() {
    let backend = "b,BACKEND,0,0,10,0,0,0,DOWN,0,1,0,,,0,\n";
    let server = |name: &str, status: &str| format!("b,{name},0,0,50,0,0,0,{status},1,2,0,,,0,\n");
    let of = |statuses: &[&str]| {
        let rows: String = statuses.iter().enumerate().map(|(at, status)| server(&format!("s{at}"), status)).collect();
        page(&(rows + backend)).read(&wanted("b", "BACKEND")).unwrap().words
    };
    assert_eq!(of(&["MAINT", "MAINT (via b/s0)"]), Words::Whole(Word::Maint));
    assert_eq!(of(&["MAINT", "DRAIN"]), Words::Whole(Word::Drain));
    assert_eq!(of(&["MAINT", "DOWN"]), Words::Whole(Word::Down));
    assert_eq!(of(&[]), Words::Whole(Word::Down));
}

#[test]
fn only_what_is_asked_for_is_read() {
    let mut some = wanted("f", "FRONTEND");
    some.measures = vec![Measure::Requests];
    let page = page("f,FRONTEND,,400,1000,5,6,,OPEN,,0,9,120,,,\n");
    let reading = page.read(&some).unwrap();
    assert_eq!(reading.load, Load { requests: Some(120.0), ..Load::default() });
    assert_eq!((reading.counters.len(), reading.words), (0, Words::Whole(Word::Up)));
    some.measures = vec![Measure::Bandwidth, Measure::Utilisation];
    let reading = page.read(&some).unwrap();
    assert_eq!(reading.load, Load { utilisation: Some(0.4), ..Load::default() });
    assert_eq!(reading.counters, [(Measure::Bandwidth, 11.0)]);
}

#[test]
fn what_is_not_there_is_told_by_name() {
    let page = page("b,s,0,0,,0,0,0,UP,1,2,0,,,0,\n");
    assert!(page.read(&wanted("c", "BACKEND")).unwrap_err().contains("backend `c`"));
    assert!(page.read(&wanted("b", "s2")).unwrap_err().contains("no server `s2`"));
}

#[test]
fn garbage_is_an_error() {
    for text in
        ["", "<html><body>", "pxname,svname,status\n", "# a,b,c\n", "# pxname,svname,status\nb,s,UP\nb,BACKEND,U"]
    {
        assert!(Page::parse(text.as_bytes()).is_err(), "{text}");
    }
    for row in ["b,s,x,0,,0,0,0,UP,1,2,0,,,0,\n", "b,s,0,-1,,0,0,0,UP,1,2,0,,,0,\n", "b,s,0,1e9,,0,0,0,UP,1,2,0,,,0,\n"]
    {
        assert!(page(row).read(&wanted("b", "s")).is_err(), "{row}");
    }
    // A row that is cut short has no status.
    assert!(page("b,s,0\n").read(&wanted("b", "s")).is_err());
    assert!(page("\n\"\n").read(&wanted("b", "s")).is_err());
}
