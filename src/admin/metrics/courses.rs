//! What is going on in the regions of pools, in numbers.

use super::{Families, Labels};
use crate::admin::AdminState;
use crate::snapshot::{Current, PairCourse};
use crate::steering::control::{Course, RegionCourse};
use std::fmt;

/// A course in a word; none for regions that take their clients.
const fn name(course: &Course) -> Option<&'static str> {
    Some(match course {
        Course::Steady => return None,
        Course::Shedding { .. } => "shedding",
        Course::Draining { .. } => "draining",
        Course::WarmingUp { .. } => "warming-up",
        Course::Probation { .. } => "probation",
        Course::HeldBack { .. } => "held-back",
        Course::FailoverDelayed { .. } => "failover-delayed",
        Course::Down { .. } => "down",
    })
}

/// Writes the regions that do not simply take their clients, and what is known of the load of regions.
pub(super) fn regions(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let (courses, current) = (state.publisher.courses(), state.publisher.current());
    let each = || courses.iter().flat_map(|pair| pair.regions.iter().map(move |region| (pair, region)));
    out.gauge(
        "azimuth_region_course",
        "1 for each region of a pool under a policy that does not simply take its clients, by what is going on there",
        each().filter_map(|(pair, region)| {
            let mut labels = labels(&current, pair, region)?;
            labels.push(("course", name(&region.course)?.to_owned()));
            Some((labels, 1.0))
        }),
    )?;
    out.gauge(
        "azimuth_region_handed_on_ratio",
        "The share of its own clients that a region of a pool hands on",
        each()
            .filter(|(_, region)| region.shed > 0.0)
            .filter_map(|(pair, region)| Some((labels(&current, pair, region)?, region.shed))),
    )?;
    out.gauge(
        "azimuth_region_utilisation_ratio",
        "The share of its capacity that a region of a pool uses, where that is known",
        each().filter_map(|(pair, region)| Some((labels(&current, pair, region)?, region.utilisation?))),
    )
}

/// The names of a region's pool and policy, and its own; none while another configuration goes live.
fn labels(current: &Current, pair: &PairCourse, region: &RegionCourse) -> Option<Labels> {
    let (pool, policy) =
        (current.inputs.pools.get(pair.pool.index())?, current.inputs.policies.get(pair.policy.index())?);
    Some(vec![
        ("pool", pool.name.to_string()),
        ("policy", policy.name.to_string()),
        ("region", region.name.to_string()),
    ])
}
