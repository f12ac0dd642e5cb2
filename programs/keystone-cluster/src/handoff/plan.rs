//! What is to be done, decided from how the candidates stand. No step is taken here.

use std::fmt;

use keystone_model::Cluster;
use serde::{Deserialize, Serialize};

use super::error::HandoffError;
use super::survey::Survey;
use crate::coordinator::answer::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Handoff,
    Takeover,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handoff => "handoff",
            Self::Takeover => "takeover",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The old coordinator gives up its lease and stops.
    Fence,
    /// The new one sets a checked copy aside.
    Receive,
    /// The new one takes the lease.
    Adopt,
    /// The new one serves.
    Start,
    /// The old one becomes a standby.
    Retire,
    /// The others hear of it.
    Announce,
    /// The name gets the new address.
    Address,
}

impl Step {
    /// From here on there is no way back.
    pub const NO_RETURN: Self = Self::Adopt;
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fence => "fence",
            Self::Receive => "receive",
            Self::Adopt => "adopt",
            Self::Start => "start",
            Self::Retire => "retire",
            Self::Announce => "announce",
            Self::Address => "address",
        })
    }
}

/// One move of the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    pub kind: Kind,
    pub from: String,
    pub to: String,
    /// The generation of the new lease.
    pub generation: u64,
    /// The generation of the state that is taken over.
    pub state: u64,
    /// The name whose address changes.
    pub name: String,
    /// The new address.
    pub address: String,
    /// The key by which clients know the coordinator, where it could be asked for.
    pub key: Option<String>,
    pub steps: Vec<Step>,
}

/// What has to be done; none where the node is the coordinator already.
pub fn plan(
    kind: Kind,
    to: &str,
    from: Option<&str>,
    cluster: &Cluster,
    survey: &Survey,
) -> Result<Option<Plan>, HandoffError> {
    let target = survey.of_node(to)?;
    let address = cluster
        .nodes
        .iter()
        .find(|(name, _)| name.as_str() == to)
        .and_then(|(_, node)| node.endpoint.as_ref())
        .map(ToString::to_string)
        .unwrap_or_default();
    let make = |from: &str, state, generation, steps: &[Step]| Plan {
        kind,
        from: from.to_owned(),
        to: to.to_owned(),
        generation,
        state,
        name: host_of(&cluster.mesh.url.to_string()),
        address: address.clone(),
        key: survey.heard().find(|status| status.node == from).and_then(|status| status.key.clone()),
        steps: steps.to_vec(),
    };
    let plan = match kind {
        Kind::Handoff => handoff(target, from, survey, &make)?,
        Kind::Takeover => takeover(target, survey, &make)?,
    };
    Ok(plan)
}

type Make<'a> = &'a dyn Fn(&str, u64, u64, &[Step]) -> Plan;

fn handoff(
    target: &Status,
    from: Option<&str>,
    survey: &Survey,
    make: Make<'_>,
) -> Result<Option<Plan>, HandoffError> {
    use Step::{Address, Adopt, Announce, Fence, Receive, Retire, Start};
    let to = &target.node;
    let holders = survey.holders();
    if holders.len() > 1 {
        return Err(HandoffError::TwoCoordinators(holders.iter().map(|s| s.node.clone()).collect()));
    }
    // A move that another machine began, and of which there is no journal here.
    let fenced = survey.heard().find_map(|status| status.fenced.as_ref().map(|fenced| (status, fenced)));
    if let Some((old, fenced)) = fenced {
        if fenced.to != *to {
            return Err(HandoffError::FencedForOther { from: old.node.clone(), to: fenced.to.clone() });
        }
        let generation = fenced.generation + 1;
        let taken = target.lease.as_ref().is_some_and(|lease| lease.generation >= generation);
        let steps: &[Step] = if taken {
            &[Start, Retire, Announce, Address]
        } else {
            &[Fence, Receive, Adopt, Start, Retire, Announce, Address]
        };
        return Ok(Some(make(&old.node, fenced.generation, generation, steps)));
    }
    let Some(old) = holders.first() else {
        let seen: Vec<String> = survey
            .answers
            .iter()
            .map(|(node, answer)| match answer {
                Ok(_) => format!("{node} is none"),
                Err(_) => format!("{node} does not answer"),
            })
            .collect();
        return Err(HandoffError::NoCoordinator { seen: seen.join(", "), to: to.clone() });
    };
    if let Some(expected) = from
        && expected != old.node
    {
        return Err(HandoffError::OtherCoordinator {
            found: old.node.clone(),
            expected: expected.to_owned(),
        });
    }
    if old.node == *to {
        return Ok(None);
    }
    for (what, same) in [
        ("versions of Headscale", old.headscale == target.headscale),
        ("keys of Headscale (secrets/headscale-noise.age)", old.noise == target.noise),
        ("policies", old.policy == target.policy),
    ] {
        if !same {
            return Err(HandoffError::Different { from: old.node.clone(), to: to.clone(), what });
        }
    }
    let state = old.lease.as_ref().map_or(0, |lease| lease.generation);
    let copied =
        target.replica.as_ref().is_some_and(|copy| copy.of.holder == old.node && copy.of.generation == state);
    if !copied {
        return Err(HandoffError::NoCopy { to: to.clone(), from: old.node.clone(), generation: state });
    }
    let steps = [Fence, Receive, Adopt, Start, Retire, Announce, Address];
    Ok(Some(make(&old.node, state, state + 1, &steps)))
}

fn takeover(target: &Status, survey: &Survey, make: Make<'_>) -> Result<Option<Plan>, HandoffError> {
    use Step::{Address, Adopt, Announce, Receive, Start};
    let to = &target.node;
    if let Some(alive) = survey.holders().first() {
        if alive.node == *to {
            return Ok(None);
        }
        return Err(HandoffError::Alive { coordinator: alive.node.clone(), to: to.clone() });
    }
    if let Some((old, fenced)) =
        survey.heard().find_map(|status| status.fenced.as_ref().map(|fenced| (status, fenced)))
    {
        return Err(HandoffError::FencedForOther { from: old.node.clone(), to: fenced.to.clone() });
    }
    let Some(copy) = &target.replica else { return Err(HandoffError::NothingToTake { to: to.clone() }) };
    let rank = |status: &Status| status.replica.as_ref().map(|c| (c.of.generation, c.txid.clone()));
    let best = survey.heard().filter(|status| status.node != *to).max_by_key(|status| rank(status));
    if let Some(best) = best
        && rank(best) > rank(target)
    {
        let txid = |status: &Status| status.replica.as_ref().map_or_else(String::new, |c| c.txid.clone());
        return Err(HandoffError::Better {
            better: best.node.clone(),
            to: to.clone(),
            has: txid(best),
            lacks: txid(target),
        });
    }
    // Higher than whatever anybody has heard of.
    let known = survey.heard().filter_map(|status| status.known.as_ref()).map(|lease| lease.generation).max();
    let generation = known.unwrap_or(0).max(copy.of.generation) + 1;
    Ok(Some(make(
        &copy.of.holder,
        copy.of.generation,
        generation,
        &[Receive, Adopt, Start, Announce, Address],
    )))
}

/// The host of a URL that the model has checked.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or(rest).to_owned()
}
