//! How all candidates stand, asked at once.

use std::collections::BTreeMap;
use std::thread::scope;

use super::error::HandoffError;
use super::hosts::Hosts;
use crate::coordinator::answer::Status;

pub struct Survey {
    pub answers: BTreeMap<String, Result<Status, HandoffError>>,
}

impl Survey {
    pub fn of(hosts: &Hosts) -> Self {
        let answers = scope(|scope| {
            let asked: Vec<_> = hosts
                .names()
                .into_iter()
                .map(|node| (node, scope.spawn(move || hosts.tell::<Status>(node, &["status"]))))
                .collect();
            asked
                .into_iter()
                .filter_map(|(node, thread)| Some((node.to_owned(), thread.join().ok()?)))
                .collect()
        });
        Self { answers }
    }

    /// Those that answered.
    pub fn heard(&self) -> impl Iterator<Item = &Status> {
        self.answers.values().filter_map(|answer| answer.as_ref().ok())
    }

    /// Those that have a lease.
    pub fn holders(&self) -> Vec<&Status> {
        self.heard().filter(|status| status.lease.is_some()).collect()
    }

    /// How one stands, or that it does not answer.
    pub fn of_node(&self, node: &str) -> Result<&Status, HandoffError> {
        match self.answers.get(node) {
            Some(Ok(status)) => Ok(status),
            Some(Err(error)) => {
                Err(HandoffError::Silent { node: node.to_owned(), reason: error.to_string() })
            }
            None => {
                Err(HandoffError::Silent { node: node.to_owned(), reason: "it was not asked".to_owned() })
            }
        }
    }
}
