//! `keystone-primer rotate-root-keys`: one step each time, found out from what exists, so that a run that was killed goes on.
//!
//! | step | what is there afterwards |
//! |---|---|
//! | accept | a new root; both vouch for each other; both are believed; the next intermediates are signed below the new one |
//! | issue | the new root signs; both are believed |
//! | drop | the new root alone; the old shares are destroyed |
//!
//! Between the first two the control plane takes the next intermediates into use, by its own command. They are in everybody's
//! bundles by then, so machines are deployed one after the other and none is a stranger to another.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use keystone_generator::Input;
use keystone_model::Cluster;
use keystone_pki::certificate::{Certificate, Time};
use keystone_pki::request::Request;
use serde_json::{Value, json};

use super::client::Client;
use super::{Said, lab_mark, roots, secret};
use crate::act::Stage;
use crate::cli::{RotateRootKeys, RotationPlace};
use crate::control::{Command, Secret};
use crate::credentials::{self, Authorities, CROSSES, Chain, Files, Journal, Places, Plan, ROOTS, Wanted};
use crate::groups::Kind;
use crate::refusal::Refusal;
use crate::signing::{nonce, not_before};

const REASON: &str = "rotate-root-keys";
/// What the control plane does between two steps.
const PROMOTE: &str = "on a node of the control plane keystone-cluster rotate-keys --type intermediate, and deploy every machine \
                       again, one after the other; then here keystone-primer rotate-root-keys";

/// What both rotations of the root work on.
pub struct Scene {
    pub cluster: Cluster,
    pub places: Places,
    /// What the primer says of the root.
    pub answer: Value,
    pub issuing: u32,
    pub newest: u32,
    pub now: Time,
    pub successors: u8,
}

impl Scene {
    /// Looks at everything.
    pub fn new(client: &Client, arguments: &RotationPlace) -> Result<Self, Refusal> {
        let input = Input { inventory: arguments.inventory.clone(), trust: None };
        let (inventory, _) = input
            .inventory()
            .map_err(|error| Refusal::new(error.to_string()).fix("keystone-cluster check"))?;
        if inventory.cluster.cluster.name.as_str() != client.config.cluster {
            return Err(Refusal::new(format!(
                "`{}` is the inventory of {}, and this primer is of {}",
                arguments.inventory.display(),
                inventory.cluster.cluster.name,
                client.config.cluster
            )));
        }
        crate::serve::hide_memory()?;
        let answer = client.ask(&Command::Root)?;
        Ok(Self {
            cluster: inventory.cluster,
            places: Places {
                secrets: arguments.secrets.clone(),
                trust: arguments.trust.clone(),
                identity: arguments.identity.clone(),
            },
            issuing: roots::number(&answer, "issuing"),
            newest: roots::number(&answer, "newest"),
            answer,
            now: Time::from_unix(not_before()),
            successors: arguments.successors,
        })
    }

    /// The certificate of a generation.
    pub fn root(&self, generation: u32) -> Result<Certificate, Refusal> {
        let found = roots::read(&self.answer)?.into_iter().find(|(one, _)| *one == u64::from(generation));
        found.map(|(_, root)| root).ok_or_else(|| {
            Refusal::new(format!("the root G{generation} has no certificate"))
                .fix("keystone-primer status, on all primers")
        })
    }

    /// Has everything that is due signed and issued below the first of the roots.
    pub fn issue(
        &self,
        client: &Client,
        believed: &[Certificate],
        generation: u32,
        anew: bool,
        reason: &str,
        secret: &Secret,
    ) -> Result<(Files, String), Refusal> {
        let wanted = Wanted { successors: self.successors, anew, ..Wanted::default() };
        let plan = Plan::new(&self.cluster, believed, &self.places, &wanted, self.now)?;
        let text = plan.text();
        let requests = plan.authorities.requests(&self.cluster, self.now)?;
        let signed = if requests.is_empty() {
            Vec::new()
        } else {
            roots::sign(client, Some(generation), requests, reason, secret)?
        };
        Ok((plan.make(&self.cluster, believed, &self.places, signed, self.now)?, text))
    }

    /// Takes a step on the primers.
    pub fn step(
        client: &Client,
        stage: Stage,
        keys: &BTreeMap<Kind, u32>,
        reason: &str,
        secret: &Secret,
    ) -> Result<Value, Refusal> {
        let secret = Some(secret.clone());
        client.ask(&Command::Rotate { stage, keys: keys.clone(), reason: reason.to_owned(), secret })
    }
}

/// Which step is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Accept,
    Issue,
    Drop,
}

fn next(scene: &Scene) -> Result<Next, Refusal> {
    let count = scene.answer["roots"].as_array().map_or(0, Vec::len);
    if scene.newest == scene.issuing {
        let believed = fs::read_to_string(scene.places.trust.join(ROOTS)).unwrap_or_default();
        let believed = Certificate::bundle(&believed).map_or(0, |roots| roots.len());
        return Ok(if count > 1 || believed > 1 { Next::Drop } else { Next::Accept });
    }
    let Ok(newer) = scene.root(scene.newest) else { return Ok(Next::Accept) };
    let older = scene.root(scene.issuing)?;
    let crosses = credentials::crosses(&scene.places);
    let there = fs::read_to_string(scene.places.trust.join(ROOTS)).unwrap_or_default();
    let both = Certificate::bundle(&there).unwrap_or_default();
    let vouched = |subject: &Certificate, by: &Certificate| {
        crosses.iter().any(|one| one.contents().key == subject.contents().key && one.verify(by).is_ok())
    };
    let prepared = credentials::chains(&scene.places, &both, scene.now)
        .all(|(_, chain)| chain.all().any(|one| one.verify(&newer).is_ok()));
    let accepted = both.contains(&newer)
        && both.contains(&older)
        && vouched(&newer, &older)
        && vouched(&older, &newer)
        && prepared;
    Ok(if accepted { Next::Issue } else { Next::Accept })
}

pub fn run(client: &Client, arguments: &RotateRootKeys) -> Result<Said, Refusal> {
    let scene = Scene::new(client, &arguments.place)?;
    let next = match next(&scene)? {
        // A primer that was off during the last step takes it now.
        Next::Accept if arguments.drop && scene.newest == scene.issuing && scene.issuing > 1 => Next::Drop,
        next if arguments.drop && next != Next::Drop => {
            return Err(Refusal::new(format!("the next step is to {}, not to drop anything", name(next)))
                .fix("keystone-primer rotate-root-keys"));
        }
        next => next,
    };
    let (old, new) = match next {
        Next::Accept if scene.newest == scene.issuing => (scene.issuing, scene.newest + 1),
        Next::Accept | Next::Issue => (scene.issuing, scene.newest),
        Next::Drop => (scene.issuing.saturating_sub(1), scene.issuing),
    };
    let open = if next == Next::Issue { still_below(&scene, new)? } else { Vec::new() };
    let mut text = lab_mark(&scene.answer).to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {}", describe(next, old, new));
    let step = name(next);
    let mut document = json!({ "ok": true, "lab": scene.answer["lab"], "step": step, "from": old, "to": new, "dryRun": arguments.place.dry_run });
    let before = format!("{} are still issued below G{old}", open.join(", "));
    if arguments.place.dry_run {
        if !open.is_empty() {
            let _ = writeln!(text, "  not yet: {before}\n  next: {PROMOTE}");
        }
        document["open"] = json!(open);
        text.push_str("Nothing was done.\n");
        return Ok(Said::new(document, text));
    }
    if !open.is_empty() {
        return Err(Refusal::new(before).fix(PROMOTE));
    }
    if next == Next::Drop && !arguments.drop {
        return Err(Refusal::new(format!(
            "the next step destroys the shares of G{old} and ends the belief in it, and cannot be undone"
        ))
        .fix("once every machine is deployed and reachable: keystone-primer rotate-root-keys --drop"));
    }
    let journal = Journal::open(&scene.places)?;
    let secret = secret::ask(client, arguments.place.opening)?;
    let keys = BTreeMap::from([(Kind::Root, new)]);
    let written = match next {
        Next::Accept => {
            Scene::step(client, Stage::Generate, &keys, REASON, &secret)?;
            accept(client, &scene, old, new, &secret)?.write(&journal, &scene.places)?
        }
        Next::Issue => {
            let believed = [scene.root(new)?, scene.root(old)?];
            let (files, plan) = scene.issue(client, &believed, new, false, REASON, &secret)?;
            text.push_str(&plan);
            let written = files.write(&journal, &scene.places)?;
            Scene::step(client, Stage::Issue, &keys, REASON, &secret)?;
            written
        }
        Next::Drop => {
            let believed = [scene.root(new)?];
            let (mut files, plan) = scene.issue(client, &believed, new, false, REASON, &secret)?;
            text.push_str(&plan);
            files.without(CROSSES);
            credentials::end_overlaps(&believed, &scene.places, &mut files, scene.now)?;
            let written = files.write(&journal, &scene.places)?;
            let done = Scene::step(client, Stage::Drop, &keys, REASON, &secret)?;
            for name in done["missing"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let _ = writeln!(
                    text,
                    "  {name} is off and still has its old share; run this again when it is on"
                );
            }
            written
        }
    };
    let then = match next {
        Next::Accept => format!("; then {PROMOTE}"),
        Next::Issue => ", then keystone-primer rotate-root-keys --drop".to_owned(),
        Next::Drop => String::new(),
    };
    let _ = writeln!(
        text,
        "\n{} files written; next: {}git add {} {} && git commit, deploy every machine{then}",
        written.len(),
        scene.places.before_commit(),
        scene.places.secrets.display(),
        scene.places.trust.display()
    );
    document["written"] = json!(written);
    Ok(Said::new(document, text))
}

const fn name(next: Next) -> &'static str {
    match next {
        Next::Accept => "accept",
        Next::Issue => "issue",
        Next::Drop => "drop",
    }
}

fn describe(next: Next, old: u32, new: u32) -> String {
    match next {
        Next::Accept => {
            format!(
                "accept: make the root G{new}; G{old} and G{new} vouch for each other, both are believed, and the next \
                 intermediates are signed below G{new}"
            )
        }
        Next::Issue => format!("issue: G{new} signs from now on, and both are believed"),
        Next::Drop => {
            format!("drop: G{new} alone is believed, and every primer destroys its share of G{old}")
        }
    }
}

/// The intermediates in use that the new root did not sign. It signs when there is none.
fn still_below(scene: &Scene, new: u32) -> Result<Vec<&'static str>, Refusal> {
    let believed = [scene.root(new)?, scene.root(scene.issuing)?];
    let other = |chain: &Chain| chain.current.as_ref().is_none_or(|one| one.verify(&believed[0]).is_err());
    Ok(credentials::chains(&scene.places, &believed, scene.now)
        .filter(|(_, chain)| other(chain))
        .map(|(authority, _)| authority.as_str())
        .collect())
}

/// Both roots vouch for each other, and everybody believes both, and the intermediates that come next.
fn accept(client: &Client, scene: &Scene, old: u32, new: u32, secret: &Secret) -> Result<Files, Refusal> {
    let cross = |generation: u32| -> Result<Vec<Request>, Refusal> {
        Ok(vec![Request::Cross { generation, not_before: not_before(), nonce: nonce()? }])
    };
    let older = roots::sign(client, Some(new), cross(old)?, REASON, secret)?;
    let newer = roots::sign(client, Some(old), cross(new)?, REASON, secret)?;
    // By now the new root has a certificate.
    let roots: BTreeMap<u64, Certificate> = roots::read(&client.ask(&Command::Root)?)?.into_iter().collect();
    let (Some(old_root), Some(new_root)) = (roots.get(&u64::from(old)), roots.get(&u64::from(new))) else {
        return Err(Refusal::new("a root has no certificate").fix("keystone-primer status"));
    };
    let wrong = |error: keystone_pki::certificate::CertificateError| Refusal::new(error.to_string());
    for (cross, by) in [(&older, new_root), (&newer, old_root)] {
        let cross = cross.first().ok_or_else(|| Refusal::new("nothing was signed"))?;
        cross.verify(by).map_err(wrong)?;
    }
    let mut files = Files::new(&scene.cluster);
    files.trust(ROOTS, old_root.pem() + &new_root.pem());
    files.trust(CROSSES, newer.iter().chain(&older).map(Certificate::pem).collect::<String>());
    let wanted = Wanted { successors: scene.successors.max(1), in_advance: true, ..Wanted::default() };
    let believed = [new_root.clone(), old_root.clone()];
    let next = Authorities::plan(&believed, &scene.places, &wanted, scene.now);
    let signed = roots::sign(client, Some(new), next.requests(&scene.cluster, scene.now)?, REASON, secret)?;
    next.complete(signed, &mut files)?;
    Ok(files)
}
