//! Who is asked for.

use super::*;
use crate::simulate::chance::Chance;
use crate::simulate::cities;
use crate::simulate::population::Basis;

#[test]
fn cities_have_clients_by_population_and_show_prefixes_of_their_country() {
    let cities = cities::embedded();
    let plan = Plan { clients: 10_000, behind_resolvers: 0.0, seed: 1 };
    let population = Population::of_cities(&cities, &LOCATOR, &plan);
    assert_eq!(population.clients(), 10_000);
    let Basis { by_city, by_country, .. } = *population.basis();
    // The table inside knows countries alone: what `[[network]]` locates near Paris or Warsaw does not stand for these.
    assert_eq!((by_city, by_country), (0, 10_000));
    let mut chance = Chance::new(1, 1);
    for spot in population.spots() {
        let client = population.draw(spot, &mut chance).unwrap();
        let place = &LOCATOR.places()[LOCATOR.place_of(LOCATOR.leaf(client.address)).0 as usize];
        assert_eq!(place.country, spot.country);
    }
    let people: u64 = cities.iter().filter(|city| city.country.as_str() == "FR").map(|city| city.population).sum();
    let of_all = people as f64 / cities.iter().map(|city| city.population).sum::<u64>() as f64;
    let french = |spot: &&crate::simulate::population::Spot| spot.country.is_some_and(|c| c.as_str() == "FR");
    let clients: u64 = population.spots().iter().filter(french).map(|spot| spot.clients).sum();
    assert!((clients as f64 - of_all * 10_000.0).abs() < 5.0, "{clients} {of_all}");
}

#[test]
fn clients_behind_resolvers_are_seen_where_their_resolver_is() {
    let own = hundred(0.0, 1_000);
    let all = hundred(1.0, 1_000);
    let mut chance = Chance::new(1, 1);
    for (spot, network) in
        own.spots().iter().zip(["100.64.0.0/16", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"])
    {
        let network: crate::base::Prefix = network.parse().unwrap();
        assert!(network.contains(own.draw(spot, &mut chance).unwrap().address));
    }
    for (spot, country) in all.spots().iter().zip(["PL", "FR", "US", "SG"]) {
        // Warsaw and Paris have sites; New York's clients reach one in North America, Bangkok's one in Asia.
        let client = all.draw(spot, &mut chance).unwrap();
        let place = &LOCATOR.places()[LOCATOR.place_of(LOCATOR.leaf(client.address)).0 as usize];
        let found = place.country.unwrap();
        assert!(found.as_str() == country || country == "US" || country == "SG", "{country}: {found:?}");
        assert_eq!(client.known_bits, 24);
    }
    let half = hundred(0.5, 10_000);
    let spot = &half.spots()[1];
    let network: crate::base::Prefix = "192.0.2.0/24".parse().unwrap();
    let shown = (0..4_000).filter(|_| network.contains(half.draw(spot, &mut chance).unwrap().address)).count();
    assert!((1_850..2_150).contains(&shown), "{shown}");
}

#[test]
fn a_list_is_located_by_the_databases() {
    let population = hundred(0.0, 100);
    let clients: Vec<u64> = population.spots().iter().map(|spot| spot.clients).collect();
    // In the order of addresses.
    assert_eq!(clients, [10, 40, 30, 20]);
    assert!(population.spots().iter().all(|spot| spot.point.is_some()));
}
