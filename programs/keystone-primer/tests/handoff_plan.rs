//! The order of the steps, from every state in which a handoff may be found.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

use std::collections::BTreeSet;

use keystone_primer::handoff::{Goal, Member, Step, Stop, Survey};
use proptest::prelude::*;

fn goal() -> Goal {
    let three = |role: &str| (1..=3).map(|n| format!("{role}-{n}")).collect();
    Goal { from: three("primer"), to: three("control") }
}

fn member(id: u64, node: &str, learner: bool, well: bool) -> Member {
    Member { id, node: node.to_owned(), learner, well }
}

/// What etcd does with a step; a member that is waited for becomes well.
fn apply(survey: &mut Survey, step: &Step) {
    let next = survey.members.iter().map(|member| member.id).max().unwrap_or(0) + 1;
    let id = |survey: &Survey, node: &str| survey.member(node).unwrap().id;
    match step {
        Step::Add(node) => survey.members.push(member(next, node, true, false)),
        Step::Await(node) => survey.members.iter_mut().find(|one| one.node == *node).unwrap().well = true,
        Step::Promote(node) => {
            survey.members.iter_mut().find(|one| one.node == *node).unwrap().learner = false;
        }
        Step::Lead(node) => survey.leader = Some(id(survey, node)),
        Step::Remove(node) => {
            let gone = id(survey, node);
            assert_ne!(survey.leader, Some(gone), "the one that leads is not taken out");
            survey.members.retain(|one| one.id != gone);
        }
    }
}

fn quorum(survey: &Survey) -> bool {
    let voters = || survey.members.iter().filter(|member| !member.learner);
    voters().filter(|member| member.well).count() * 2 > voters().count()
}

/// Any mixture of primers and control-plane nodes of which more than half that vote are well, one of them leading.
fn states() -> impl Strategy<Value = Survey> {
    let one = |role: &'static str| {
        prop::collection::vec((any::<bool>(), any::<bool>(), prop::bool::weighted(0.8)), 3).prop_map(
            move |states| -> Vec<(String, bool, bool)> {
                let numbered = states.into_iter().zip(1..);
                numbered
                    .filter(|((there, ..), _)| *there)
                    .map(|((_, learner, well), n)| {
                        (format!("{role}-{n}"), learner && role == "control", well)
                    })
                    .collect()
            },
        )
    };
    (one("primer"), one("control"), any::<prop::sample::Index>()).prop_filter_map(
        "a cluster that works",
        |(primers, controls, leader)| {
            let members: Vec<Member> = primers
                .into_iter()
                .chain(controls)
                .zip(1..)
                .map(|((node, learner, well), id)| member(id, &node, learner, well))
                .collect();
            let able: Vec<u64> = members.iter().filter(|m| m.well && !m.learner).map(|m| m.id).collect();
            let leader = if able.is_empty() { None } else { Some(*leader.get(&able)) };
            let survey = Survey { members, leader };
            (quorum(&survey) && leader.is_some()).then_some(survey)
        },
    )
}

proptest! {
    #[test]
    fn from_every_state_that_works_it_ends_with_the_control_plane_and_never_without_a_quorum(start in states()) {
        let (goal, mut survey) = (goal(), start);
        for _ in 0..64 {
            match survey.next(&goal) {
                Ok(step) => apply(&mut survey, &step),
                Err(Stop::Done) => {
                    let nodes: BTreeSet<&str> = survey.members.iter().map(|m| m.node.as_str()).collect();
                    prop_assert_eq!(nodes, BTreeSet::from(["control-1", "control-2", "control-3"]));
                    prop_assert!(survey.members.iter().all(|m| !m.learner));
                    return Ok(());
                }
                Err(Stop::Quorum(why)) => prop_assert!(false, "{}", why),
            }
            prop_assert!(quorum(&survey), "{:?}", survey);
        }
        prop_assert!(false, "it does not end: {:?}", survey);
    }

    #[test]
    fn as_long_as_all_primers_are_there_the_way_back_ends_with_them_alone(steps in 0_usize..20) {
        let goal = goal();
        let members = (1..).zip(&goal.from).map(|(id, node)| member(id, node, false, true)).collect();
        let mut survey = Survey { members, leader: Some(1) };
        let mut added = BTreeSet::new();
        for _ in 0..steps {
            match survey.next(&goal) {
                Ok(Step::Remove(_)) | Err(_) => break,
                Ok(step) => {
                    if let Step::Add(node) = &step {
                        added.insert(node.clone());
                    }
                    apply(&mut survey, &step);
                }
            }
        }
        for _ in 0..32 {
            match survey.back(&goal, &added) {
                Ok(step) => apply(&mut survey, &step),
                Err(stop) => {
                    prop_assert_eq!(stop, Stop::Done);
                    break;
                }
            }
        }
        let nodes: Vec<&str> = survey.members.iter().map(|m| m.node.as_str()).collect();
        prop_assert_eq!(nodes, ["primer-1", "primer-2", "primer-3"]);
        prop_assert!(survey.leader.is_some_and(|leader| survey.members.iter().any(|m| m.id == leader)));
    }
}

#[test]
fn what_would_cost_the_quorum_is_not_done() {
    let goal = goal();
    // All of the control plane vote, and two primers; of the three that would be left one is well.
    let mut members: Vec<Member> =
        (1..).zip(&goal.to).map(|(id, node)| member(id, node, false, true)).collect();
    members.push(member(4, "primer-1", false, true));
    let mut survey = Survey { members, leader: Some(1) };
    assert_eq!(survey.next(&goal), Ok(Step::Remove("primer-1".to_owned())));
    survey.members[1].well = false;
    assert_eq!(
        survey.next(&goal),
        Ok(Step::Await("control-2".to_owned())),
        "who takes over has to be well first"
    );
    // On the way back nobody waits.
    let added = BTreeSet::from(["control-1".to_owned()]);
    let members = vec![
        member(1, "primer-1", false, true),
        member(2, "primer-2", false, false),
        member(3, "control-1", false, true),
    ];
    let survey = Survey { members, leader: Some(1) };
    assert_eq!(
        survey.back(&goal, &added),
        Err(Stop::Quorum("without control-1 too few of those that vote are well".to_owned()))
    );
}
