//! Regions report what follows from the answers, and hand clients on when it is too much.

use super::*;
use crate::simulate::load;
use crate::simulate::load_loop::Feedback;

/// The shares of the regions after `eu` went down, and the load of each by its capacity.
fn after_failure(shed: Option<ShedMarks>, loads: &str) -> Vec<f64> {
    let inputs = inputs(Policy { shed, ..of_order(Order::Closest) }, [1; 3]);
    let roll = Roll::new(&inputs, None);
    let plan = Plan { clients: 4_000, behind_resolvers: 0.5, seed: 1 };
    let sample = Population::of_cities(&super::super::cities::embedded(), &LOCATOR, &plan);
    let population = Population::of_cities(&super::super::cities::embedded(), &LOCATOR, &plan);
    let loads = load::parse(loads).unwrap();
    let mut feedback = Feedback::new(sample, &roll, &loads, &[None; 3], 1);
    let mut world = World::new(inputs);
    feedback.begin(&mut world);
    let service = Service { zone: 0, slot: 0, family: None };
    let snapshot = world.snapshot();
    let before = [Scene::new(&world, &snapshot, service, &roll).unwrap()];
    world.suppose(&[down("eu")]).unwrap();
    feedback.run(&before, &mut world, &[service], &roll);
    let snapshot = world.snapshot();
    let after = Scene::new(&world, &snapshot, service, &roll).unwrap();
    let counts = replay(&population, &before[0], &after, 1, &mut |_| {});
    let used = |(number, name): (usize, &Arc<str>)| {
        let given = loads[&**name];
        let (was, is) = (counts.before.by_region[number] as f64, counts.after.by_region[number] as f64);
        given.load * is / was / given.capacity.unwrap()
    };
    roll.names().iter().enumerate().map(used).collect()
}

#[test]
fn without_marks_a_region_takes_all_that_falls_to_it() {
    let used = after_failure(None, "eu,500,1000\nus,700,1000\nap,100,1000");
    assert!(used[0] == 0.0 && used[1] > 1.1, "{used:?}");
}

#[test]
fn with_marks_what_is_too_much_for_a_region_goes_on_to_the_next() {
    let marks = ShedMarks { low: 0.7, high: 0.9 };
    let used = after_failure(Some(marks), "eu,500,1000\nus,700,1000\nap,100,1000");
    assert!(used[0] == 0.0 && (0.6..1.0).contains(&used[1]) && used[2] > 0.1, "{used:?}");
}
