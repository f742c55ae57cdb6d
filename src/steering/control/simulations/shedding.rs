//! Regions hand on what is too much for them.

use super::{World, policy, span, table};
use crate::steering::spec::{Policy, ShedMarks};

fn sheds() -> Policy {
    Policy { shed: Some(ShedMarks { low: 0.8, high: 1.0 }), ..policy() }
}

fn three(demand: [f64; 3]) -> World {
    let sizes = vec![1.0; 1000];
    let mut world = World::new(&[1, 1, 1], sheds())
        .resolvers(&[0, 1, 2], &sizes)
        .resolvers(&[1, 2, 0], &sizes)
        .resolvers(&[2, 1, 0], &sizes);
    world.demand = demand.to_vec();
    world
}

#[test]
fn play() {
    for demand in [
        [1.3, 0.5, 0.5],
        [1.3, 0.75, 0.3],
        [1.3, 0.95, 0.4],
        [1.3, 1.3, 1.3],
        [1.3, 0.78, 0.79],
        [1.1, 0.9, 0.85],
        [2.0, 0.3, 0.3],
    ] {
        for ttl in [30, 60] {
            let mut world = three(demand);
            world.ttl = ttl;
            eprintln!("{demand:?} {ttl}\n{}", table(&mut world, 1200, 60));
            eprintln!("changes {}", world.changes);
        }
    }
}
