//! The main job: dig gets the closest healthy region, and another one when that region dies.

use super::backend::Backend;
use super::server::{Server, wait_until};
use super::{ZONE, two_regions, two_regions_in_motion};

#[test]
fn another_region_answers_when_the_closest_dies_and_it_comes_back() {
    let (mut near, far) = (Backend::start(), Backend::start());
    let server = Server::start(&[("azimuth.toml", &two_regions_in_motion(&near, &far)), ("example.test.zone", ZONE)]);
    let www = || server.dig(&["www.example.test", "A"]);
    wait_until("unknown clients are answered in configured order", || www() == ["192.0.2.1"]);
    assert_eq!(server.dig(&["www.example.test", "A", "+tcp"]), ["192.0.2.1"]);

    near.kill();
    wait_until("the killed region is left", || www() == ["192.0.2.2"]);
    near.revive();
    wait_until("the revived region is back", || www() == ["192.0.2.1"]);

    near.hang();
    wait_until("the hanging region is left", || www() == ["192.0.2.2"]);
    near.revive();
    wait_until("it no longer hangs", || www() == ["192.0.2.1"]);

    near.fail();
    wait_until("a region that answers 500 is left", || www() == ["192.0.2.2"]);
    near.revive();
    wait_until("it no longer fails", || www() == ["192.0.2.1"]);
}

#[test]
fn with_every_region_down_the_first_answers_as_if_up() {
    let (mut near, mut far) = (Backend::start(), Backend::start());
    let server = Server::start(&[("azimuth.toml", &two_regions_in_motion(&near, &far)), ("example.test.zone", ZONE)]);
    near.kill();
    wait_until("the first is down", || server.dig(&["www.example.test"]) == ["192.0.2.2"]);
    far.kill();
    wait_until("both are down", || server.dig(&["www.example.test"]) == ["192.0.2.1"]);
}

#[test]
fn the_first_answer_knows_the_first_round_of_probes() {
    let (mut near, far) = (Backend::start(), Backend::start());
    near.kill();
    let server = Server::start(&[("azimuth.toml", &two_regions(&near, &far)), ("example.test.zone", ZONE)]);
    assert_eq!(server.dig(&["www.example.test"]), ["192.0.2.2"], "the first result decides alone");
    assert!(far.requests() > 0);
}

#[test]
fn dig_reads_what_the_engine_writes() {
    let (near, far) = (Backend::start(), Backend::start());
    let geo = "[[network]]\nprefix = \"81.2.69.0/24\"\ncoordinates = [40.0, -74.0]\n";
    let toml = two_regions(&near, &far) + geo;
    let server = Server::start(&[("azimuth.toml", &toml), ("example.test.zone", ZONE)]);
    let all = server.dig_all(&["www.example.test", "A", "+subnet=81.2.69.160/32"]);
    for part in ["status: NOERROR", "flags: qr aa;", "CLIENT-SUBNET: 81.2.69.160/32/", "192.0.2.2", "udp: 1232"] {
        assert!(all.contains(part), "{part:?} is missing in\n{all}");
    }
    let all = server.dig_all(&["nowhere.example.test", "A"]);
    assert!(all.contains("status: NXDOMAIN") && all.contains("SOA\tns1.example.test."), "{all}");
    let all = server.dig_all(&["www.example.net", "A"]);
    assert!(all.contains("status: REFUSED"), "{all}");
    assert_eq!(server.dig(&["PLAIN.example.TEST", "A"]), ["192.0.2.80"]);
    assert_eq!(server.dig(&["example.test", "NS", "+tcp"]), ["ns1.example.test."]);
    // Several queries over one connection.
    let all = server.dig_all(&["+tcp", "+keepopen", "plain.example.test", "A", "ns1.example.test", "A"]);
    assert!(all.contains("192.0.2.80") && all.contains("192.0.2.53"), "{all}");
}
