//! Members get what makes their figures equal.

use super::{World, policy, span, zipf};
use crate::steering::spec::{Policy, Spread};

#[test]
fn play() {
    for spread in [Spread::LeastConnections, Spread::WeightedLeastConnections, Spread::TwoChoices] {
        for session in [0.0, 60.0, 300.0] {
            for (name, sizes) in [("equal", vec![1.0; 1000]), ("zipf", zipf(1000))] {
                let mut world = World::new(&[4], Policy { spread, ..policy() }).resolvers(&[0], &sizes);
                world.cost = vec![1.0, 1.0, 2.0, 0.5];
                world.demand = vec![2.0];
                world.session = session;
                eprintln!("{spread:?} {name} session {session}");
                for _ in 0..12 {
                    let loads = world.mean_loads(120);
                    let weights: Vec<u32> = world.condition.members.iter().map(|state| state.weight).collect();
                    eprintln!("{:5} {loads:.3?} {weights:?}", world.now);
                }
                eprintln!("changes {}", world.changes);
            }
        }
    }
}
