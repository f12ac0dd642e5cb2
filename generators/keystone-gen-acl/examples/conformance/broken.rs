//! The policy of the reference cluster with one line broken. A tier that could not see that would prove nothing.

use std::collections::BTreeMap;

use keystone_gen_acl::{Document, Matrix, prove};
use keystone_model::Cluster;

use crate::Case;
use crate::clusters::Written;
use crate::engine::{Answer, Question};

/// A policy that lacks a line, or has one with another protocol, port, source or destination.
pub struct Broken<'c> {
    name: String,
    line: usize,
    question: Question,
    reference: &'c Written,
    /// Whether the reader of policies finds that it opens something else.
    differs: bool,
}

/// Every line in every way.
pub fn all(reference: &Written) -> Vec<Broken<'_>> {
    let document = Document::of(&reference.cluster);
    let intended = Matrix::intended(&reference.cluster);
    let mut all = Vec::new();
    for line in 0..document.acls.len() {
        for (what, change) in CHANGES {
            let mut broken = document.clone();
            if change(&mut broken, line) {
                let name = format!("the {what} of acls/{line} ({})", document.rules[line]);
                all.push(Broken::of(name, line, reference, &broken, &intended));
            }
        }
    }
    all
}

type Change = fn(&mut Document, usize) -> bool;

/// What can go wrong with a line. One that does not apply to it says no.
const CHANGES: [(&str, Change); 5] = [
    ("lack", lack),
    ("protocol", protocol),
    ("port", port),
    ("source", source),
    ("destination", destination),
];

fn lack(document: &mut Document, line: usize) -> bool {
    document.acls.remove(line);
    true
}

fn protocol(document: &mut Document, line: usize) -> bool {
    let acl = &mut document.acls[line];
    acl.proto = match acl.proto {
        "udp" | "sctp" => "tcp",
        "icmp" => "ipv6-icmp",
        "ipv6-icmp" => "icmp",
        _ => "udp",
    };
    true
}

/// The first port is the next one, or the first of a range is left out.
fn port(document: &mut Document, line: usize) -> bool {
    let dst = &mut document.acls[line].dst[0];
    let Some((target, ports)) = dst.rsplit_once(':') else { return false };
    let digits = ports.len() - ports.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let Ok(first) = ports[..digits].parse::<u16>() else { return false };
    *dst = format!("{target}:{}{}", first.checked_add(1).unwrap_or(1), &ports[digits..]);
    true
}

/// The first party is one that the line does not name.
fn source(document: &mut Document, line: usize) -> bool {
    let named = &document.acls[line].src;
    let parties = document.groups.keys().chain(document.tag_owners.keys());
    let Some(other) = parties.into_iter().find(|party| !named.contains(party)).cloned() else { return false };
    document.acls[line].src[0] = other;
    true
}

/// The first target is one that the line does not name.
fn destination(document: &mut Document, line: usize) -> bool {
    let targets: Vec<(&str, &str)> =
        document.acls[line].dst.iter().filter_map(|dst| dst.rsplit_once(':')).collect();
    let other = document.tag_owners.keys().find(|tag| targets.iter().all(|(target, _)| target != tag));
    let (Some(other), Some((_, ports))) = (other, targets.first()) else { return false };
    let changed = format!("{other}:{ports}");
    document.acls[line].dst[0] = changed;
    true
}

impl<'c> Broken<'c> {
    fn of(name: String, line: usize, reference: &'c Written, document: &Document, intended: &Matrix) -> Self {
        let policy = serde_json::to_string(document).unwrap_or_default();
        let cluster: &Cluster = &reference.cluster;
        let differs = prove(cluster, intended, &policy).is_err();
        Self { name, line, differs, question: reference.with_policy(policy), reference }
    }
}

impl Case for Broken<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn question(&self) -> &Question {
        &self.question
    }

    /// A line that another line covers shows to neither; every other one shows to both.
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        match (self.differs, self.reference.differs(answer)) {
            (true, Err(_)) | (false, Ok(())) => Ok(()),
            (true, Ok(())) => {
                Err("to Headscale it is as if nothing were broken, to keystone-policy not".to_owned())
            }
            (false, Err(why)) => Err(format!("keystone-policy does not see it: {why}")),
        }
    }
    fn shows(&self, answer: &Answer) -> bool {
        self.reference.differs(answer).is_err()
    }
}

/// Lines that may be wrong in every way without anything else being open.
pub fn unseen<'b>(broken: &'b [Broken<'_>], shows: &[bool]) -> Vec<&'b str> {
    let mut lines: BTreeMap<usize, (bool, &str)> = BTreeMap::new();
    for (case, shows) in broken.iter().zip(shows) {
        lines.entry(case.line).or_insert((false, &case.name)).0 |= shows;
    }
    lines.into_values().filter(|(shows, _)| !shows).map(|(_, name)| name).collect()
}
