//! `keystone-primer recover`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use keystone_model::{Cluster, Role};
use serde_json::{Value, json};

use super::client::Client;
use super::{Said, handoff, lab_mark, verify_handoff};
use crate::cli::{Mode, Recover};
use crate::clock;
use crate::handoff::etcd::Etcd;
use crate::node_key::{hex, random};
use crate::recover::{Access, Journal, Options, abort, look, run as recover};
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Recover) -> Result<Said, Refusal> {
    let Mode::QuorumRestore = arguments.mode;
    let cluster = verify_handoff::inventory(client, &arguments.members.repository)?;
    let etcd = handoff::members(&cluster, &arguments.members);
    let tell = |text: &str| eprintln!("recover: {text}");
    let access = |node: &str| access(&etcd, arguments, node);
    let options = Options {
        etcd: &etcd,
        work: arguments.work.clone(),
        snapshot: arguments.snapshot.clone(),
        access: &access,
        nodes: with(&cluster, Role::ControlPlane).chain(with(&cluster, Role::Primer)).collect(),
        cluster: cluster.cluster.name.to_string(),
        patience: Duration::from_secs(arguments.members.patience),
        tell: &tell,
    };
    let mark = lab_mark(&json!({ "lab": client.config.lab() })).to_owned();
    if arguments.abort {
        let folder = abort(client, &options)?;
        let text = format!(
            "{mark}The recovery was given up; no member was changed, and what was saved stays in {}.\n",
            folder.display()
        );
        return Ok(Said::new(json!({ "ok": true, "aborted": true, "folder": folder }), text));
    }
    let intended = intended(&cluster, arguments)?;
    if arguments.dry_run {
        return dry_run(client, &options, &intended, &mark);
    }
    let journal = recover(client, intended, &options)?;
    journal.end(client)?;
    Ok(done(&journal, &mark))
}

fn with(cluster: &Cluster, role: Role) -> impl Iterator<Item = String> {
    let nodes = cluster.nodes.iter().filter(move |(_, node)| node.roles.contains(&role));
    nodes.map(|(name, _)| name.to_string())
}

fn intended(cluster: &Cluster, arguments: &Recover) -> Result<Journal, Refusal> {
    let declared: Vec<String> = with(cluster, Role::ControlPlane).collect();
    let members = if arguments.member.is_empty() { declared.clone() } else { arguments.member.clone() };
    if let Some(stranger) = members.iter().find(|name| !declared.contains(name)) {
        return Err(Refusal::new(format!("{stranger} is no node of the control plane"))
            .fix(format!("--member may be {}", declared.join(", "))));
    }
    let lost: BTreeSet<String> = arguments.lost.iter().cloned().collect();
    let minute: String = clock::shown(clock::now()).chars().filter(char::is_ascii_digit).collect();
    Ok(Journal {
        version: 1,
        // Two that begin in the same minute have different ones.
        label: format!("{minute}-{}", hex(&random::<2>()?)),
        members,
        lost,
        cluster: None,
        revision: None,
    })
}

/// Where a member is, and what it is asked with.
fn access(etcd: &Etcd, arguments: &Recover, node: &str) -> Result<Access, Refusal> {
    let host = etcd.hosts.get(node).ok_or_else(|| Refusal::new(format!("{node} is no node")))?;
    let named = format!("{host}:2379");
    let at = arguments.members.at.iter().find(|at| at.name == named).map_or(&named, |at| &at.address);
    let pki = &arguments.members.pki;
    let file = |leaf: &str, ending: &str| pki.join(format!("{leaf}.{ending}"));
    let leaf = ["etcd", "apiserver-etcd"].into_iter().find(|leaf| file(leaf, "crt").exists());
    let leaf = leaf.ok_or_else(|| {
        Refusal::new(format!("this machine has no certificate to ask with: `{}/etcd.crt`", pki.display()))
    })?;
    let anchor = arguments.members.repository.trust.join("etcd-ca.crt");
    Ok(Access { endpoint: format!("https://{at}"), anchor, own: (file(leaf, "crt"), file(leaf, "key")) })
}

fn dry_run(client: &Client, options: &Options<'_>, intended: &Journal, mark: &str) -> Result<Said, Refusal> {
    let (sight, from) = look(options, intended)?;
    let under_way = Journal::load(client)?.is_some();
    let mut text = mark.to_owned();
    let mut seen: Vec<Value> = Vec::new();
    for (node, found) in &sight {
        let (state, applied) = match found {
            Ok(one) => ("answers, and nobody leads it", one.applied),
            Err(_) => ("does not answer", 0),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {node:<16}{state}");
        seen.push(json!({ "node": node, "answers": found.is_ok(), "applied": applied }));
    }
    let source = match (&options.snapshot, &from) {
        (Some(file), _) => file.display().to_string(),
        (None, Some(node)) => format!("what {node} has"),
        (None, None) => "nothing: nobody answers, and no --snapshot is named".to_owned(),
    };
    let _ = writeln!(
        text,
        "The members {} would begin from {source}. Nothing was done.",
        intended.members.join(", ")
    );
    let json =
        json!({ "ok": true, "underWay": under_way, "seen": seen, "from": from, "members": intended.members });
    Ok(Said::new(json, text))
}

/// What is there now, and what has to follow.
fn done(journal: &Journal, mark: &str) -> Said {
    let lost: Vec<&str> = journal.lost.iter().map(String::as_str).collect();
    let mut credentials = Vec::new();
    if !lost.is_empty() {
        credentials.push(format!(
            "whoever has the disk of {} has its keys, and two such members together would be the old cluster to those \
             whom they reach: keystone-cluster rotate-keys --type intermediate --only etcd, deploy, then --finish",
            lost.join(" or ")
        ));
        credentials.push(
            "if somebody may have taken one of them: keystone-primer emergency-rotate --all-credentials"
                .to_owned(),
        );
    }
    let mut text = format!(
        "{mark}etcd has a quorum again: {}, as cluster {}, from revision {}.\n",
        journal.members.join(", "),
        journal.cluster.as_deref().unwrap_or_default(),
        journal.revision.unwrap_or_default()
    );
    for line in &credentials {
        let _ = writeln!(text, "  new credentials: {line}");
    }
    text.push_str("Old folders of etcd stay on their machines until somebody removes them. Next: keystone-cluster health\n");
    let json = json!({
        "ok": true, "aborted": false, "members": journal.members, "lost": journal.lost, "label": journal.label,
        "cluster": journal.cluster, "revision": journal.revision, "credentials": credentials,
    });
    Said::new(json, text)
}
