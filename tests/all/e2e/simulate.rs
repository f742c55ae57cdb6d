//! `azimuth simulate`, as an operator types it.

use super::server::{azimuth, text};
use serde_json::Value;
use std::path::Path;

fn simulate(arguments: &[&str]) -> std::process::Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    azimuth(folder, &[&["simulate", "--clients", "2000"], arguments].concat())
}

fn report(arguments: &[&str]) -> Value {
    let output = simulate(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_region_that_is_down_answers_nobody_and_the_report_says_who_moves() {
    let report = report(&["--down", "eu-west", "--name", "www.gslb.example.com"]);
    assert_eq!((&report["format"], &report["supposed"][0]), (&1.into(), &"region/eu-west is down".into()));
    assert_eq!(report["services"][0]["names"], serde_json::json!(["www.gslb.example.com."]));
    let total = &report["total"];
    let regions = total["regions"].as_array().unwrap();
    let sum = |key: &str| regions.iter().map(|row| row[key].as_f64().unwrap()).sum::<f64>();
    assert!((sum("share_before") - 1.0).abs() < 1e-9 && (sum("share_after") - 1.0).abs() < 1e-9, "{total:#}");
    let eu = regions.iter().find(|row| row["region"] == "eu-west").unwrap();
    assert!(eu["clients_before"].as_u64().unwrap() > 0 && eu["clients_after"] == 0);
    assert_eq!(total["moved"], eu["clients_before"]);
    for key in ["clients", "before", "after", "moves", "moves_left_out"] {
        assert!(!total[key].is_null(), "{key}");
    }
    for key in ["country", "from", "to", "clients", "share"] {
        assert!(!total["moves"][0][key].is_null(), "{key}");
    }
}

#[test]
fn a_configuration_compared_with_itself_changes_nothing() {
    let report = report(&["--config", "."]);
    assert_eq!((&report["candidate"], &report["total"]["moved"]), (&"./azimuth.toml".into(), &0.into()));
    assert_eq!(report["total"]["before"], report["total"]["after"]);
}

#[test]
fn a_drain_by_a_part_that_has_no_effect_is_told_of_with_what_to_do() {
    let arguments = ["--drain", "eu-west=30%", "--name", "www.gslb.example.com"];
    let told = report(&arguments);
    assert_eq!(told["total"]["moved"], 0);
    let hint = told["hints"][0].as_str().unwrap();
    assert!(hint.contains("`region/eu-west` by a part") && hint.contains("percentage_drain = true"), "{hint}");
    assert!(text(&simulate(&arguments)).contains("  hint          `region/eu-west` by a part"));
    for whole in ["eu-west", "pool/web/eu-west/*=30%"] {
        assert_eq!(report(&["--drain", whole])["hints"], serde_json::json!([]), "{whole}");
    }
}

#[test]
fn load_and_population_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let (load, clients) = (folder.path().join("load.json"), folder.path().join("clients"));
    std::fs::write(&load, r#"{"eu-west": {"load": 80, "capacity": 100}, "us-east": {"load": 50, "capacity": 60}}"#)
        .unwrap();
    // An office in Dublin by [[network]], and one in the United States.
    std::fs::write(&clients, "203.0.113.0/24 3\n8.8.8.0/24 1\n").unwrap();
    let (load, clients) = (load.to_str().unwrap(), clients.to_str().unwrap());
    let common = ["--name", "www.gslb.example.com", "--population", clients, "--load", load];
    let report = report(&[&common[..], &["--drain", "region/eu-west"]].concat());
    assert_eq!(report["population"]["spots"], 2);
    assert_eq!(report["total"]["before"]["over_capacity"], serde_json::json!([]));
    assert_eq!(report["total"]["after"]["over_capacity"], serde_json::json!(["us-east"]));
}

#[test]
fn mistakes_say_what_to_write_instead() {
    for (arguments, said) in [
        (&["--down", "eu-wst"][..], "did you mean `eu-west`"),
        (&["--name", "ww.gslb.example.com"], "did you mean `www.gslb.example.com.`"),
        (&["--drain", "eu-west=0%"], "give 1 to 100"),
        (&["--no-ecs-share", "2"], "a share from 0 to 1"),
        (&["--load", "nowhere.csv"], "cannot read `nowhere.csv`"),
        (&["--config", "nowhere"], "nowhere"),
    ] {
        let output = simulate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output).contains(said), "{arguments:?}: {}", text(&output));
    }
}
