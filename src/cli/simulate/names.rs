//! Which balanced names are simulated: those of one pool and policy are answered alike, and are one service.

use super::input::quoted;
use crate::base::suggest::nearest;
use crate::base::{Family, PolicyId, PoolId};
use crate::simulate::scene::Service;
use crate::snapshot::Inputs;
use crate::steering::spec::BalanceSpec;
use crate::zone::Role;

/// Most services that are simulated when no names are given.
const SERVICES_MAX: usize = 16;

/// A service, and the names that are answered so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) names: Vec<String>,
    pub(super) service: Service,
}

/// What is simulated, and why that.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) asked: Vec<Asked>,
    pub(super) reason: String,
}

/// A balanced name: its text, where it stands, and what it is answered with.
struct Balanced {
    name: String,
    zone: usize,
    slot: usize,
    balance: BalanceSpec,
}

fn balanced(inputs: &Inputs) -> Vec<Balanced> {
    let mut all = Vec::new();
    for (zone, (owners, balances)) in inputs.owners.iter().zip(&inputs.balances).enumerate() {
        for (slot, (owner, &balance)) in owners.iter().zip(balances).enumerate() {
            if owner.role == Role::Balanced {
                all.push(Balanced { name: owner.owner.to_string().to_ascii_lowercase(), zone, slot, balance });
            }
        }
    }
    all
}

/// The services of the names asked for, or of all.
pub(super) fn choose(inputs: &Inputs, wanted: &[String], family: Option<Family>) -> Result<Chosen, String> {
    let all = balanced(inputs);
    if all.is_empty() {
        return Err("the configuration has no balanced name, so that every client gets the same".to_owned());
    }
    let reason = match (wanted, &all[..]) {
        ([], [_]) => "the only balanced name there is".to_owned(),
        ([], _) => format!("all {} balanced names; `--name` picks some", all.len()),
        _ => "as asked for by `--name`".to_owned(),
    };
    let mut asked: Vec<Asked> = Vec::new();
    let mut kinds: Vec<(PoolId, PolicyId)> = Vec::new();
    for Balanced { name, zone, slot, balance } in &all {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| same(wanted, name)) {
            continue;
        }
        let kind = (balance.pool, balance.policy);
        match kinds.iter().position(|known| *known == kind) {
            Some(known) => asked[known].names.push(name.clone()),
            None => {
                kinds.push(kind);
                asked.push(Asked { names: vec![name.clone()], service: Service { zone: *zone, slot: *slot, family } });
            }
        }
    }
    if let Some(stranger) = wanted.iter().find(|wanted| !all.iter().any(|known| same(wanted, &known.name))) {
        let names: Vec<&str> = all.iter().map(|known| known.name.as_str()).collect();
        let help = match nearest(stranger, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("balanced names are {}", quoted(&names[..names.len().min(10)])),
        };
        return Err(format!("--name: `{stranger}` is not balanced\n  help: {help}"));
    }
    let services = asked.len();
    let reason = match services {
        _ if wanted.is_empty() && services > SERVICES_MAX => {
            asked.truncate(SERVICES_MAX);
            format!(
                "{reason}; they are {services} pools under policies, of which the first {SERVICES_MAX} are simulated"
            )
        }
        _ => reason,
    };
    Ok(Chosen { asked, reason })
}

/// Whether two names are one; a final dot may be left out.
fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

/// What the first of these names that a configuration has is answered with there.
pub(super) fn balance(inputs: &Inputs, asked: &Asked) -> Option<BalanceSpec> {
    let all = balanced(inputs);
    asked.names.iter().find_map(|name| all.iter().find(|known| same(&known.name, name))).map(|known| known.balance)
}

/// The first of these names that another configuration has too.
pub(super) fn same_name(inputs: &Inputs, asked: &Asked, family: Family) -> Option<Service> {
    let all = balanced(inputs);
    let found = asked.names.iter().find_map(|name| all.iter().find(|known| same(&known.name, name)));
    found.map(|known| Service { zone: known.zone, slot: known.slot, family: Some(family) })
}
