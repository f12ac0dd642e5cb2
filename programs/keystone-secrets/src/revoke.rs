//! Admins come, and go; going is over when every value is new that they could ever have read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use keystone_model::{Cluster, secret};

use crate::commitments::COMMITMENTS;
use crate::error::Error;
use crate::history;
use crate::inventory;
use crate::journal::Change;
use crate::people;
use crate::rekey::{self, Which};
use crate::rotate;
use crate::rules::{Rule, Rules, plain_key};
use crate::tree::{FOLDER, name_of};
use crate::work::{Outcome, Work};

/// Rules as they will be when the inventory is another one. What secrets.nix has besides the inventory keeps its recipients,
/// but for those who leave, and with those who come to where all admins are.
fn rules_after(
    work: &Work<'_>,
    after: &Cluster,
    leaving: &BTreeSet<String>,
    coming: &[String],
) -> Result<Rules, Error> {
    let path = |name: &str| format!("{FOLDER}/{name}.age");
    let before = secret::rules(&work.cluster);
    let mut computed: BTreeMap<String, Rule> = secret::rules(after)
        .into_iter()
        .map(|(name, public_keys)| (path(&name), Rule { public_keys, armor: false }))
        .collect();
    let known: BTreeSet<String> = before.keys().map(|name| path(name)).collect();
    let admins: BTreeSet<String> = work
        .cluster
        .people
        .iter()
        .filter(|(_, person)| person.admin)
        .filter_map(|(_, person)| person.age_keys.first().map(ToString::to_string))
        .collect();
    for (path, rule) in work.rules.iter() {
        if known.contains(path) {
            if let Some(new) = computed.get_mut(path) {
                new.armor = rule.armor;
            }
            continue;
        }
        let mut rule = rule.clone();
        if !admins.is_empty() && admins.iter().all(|key| rule.public_keys.contains(key)) {
            rule.public_keys.extend(coming.iter().cloned());
        }
        rule.public_keys.retain(|key| !leaving.contains(key));
        computed.insert(path.clone(), rule);
    }
    Rules::new(computed, inventory::needs(after), inventory::usual_need(after))
}

fn inventory_text(work: &Work<'_>) -> Result<(String, String), Error> {
    let path = work.tree.inventory().display().to_string();
    let bytes = work.tree.read(&path)?.ok_or_else(|| Error::NoFile(path.clone()))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::Refused(format!("{path} is no text")))?;
    Ok((path, text))
}

/// Writes an admin into the inventory, and encrypts everything that admins open for them too.
///
/// # Errors
/// When that is not possible; then nothing was changed.
pub fn add_admin(work: &Work<'_>, name: &str, email: &str, keys: &[String]) -> Result<Outcome, Error> {
    work.sound()?;
    let keys: Vec<String> = keys.iter().map(|key| plain_key(key)).collect();
    for key in &keys {
        crate::seal::recipient(key).map_err(|reason| Error::Recipient {
            path: format!("the inventory's {name}"),
            key: key.clone(),
            reason,
        })?;
    }
    let (path, text) = inventory_text(work)?;
    let (new, after) = people::with_admin(&text, work.tree.inventory(), name, email, &keys)?;
    let rules = rules_after(work, &after, &BTreeSet::new(), &keys)?;
    let (mut draft, mut keyring, outcome) = rekey::plan(work, &rules, Which::Stale)?;
    draft.others.push(Change { path, old: Some(text.into_bytes()), new: Some(new.into_bytes()) });
    draft.rules = Some(rules);
    let mut outcome = work.finish(draft, &mut keyring, outcome)?;
    outcome.notes.push(format!("{name} is an admin, and opens {} secrets", outcome.written.len()));
    outcome
        .next
        .push("keystone-cluster recipients hosts/cluster.toml --out hosts/trust/recipients.txt".to_owned());
    outcome.next.push("git add hosts secrets && git commit, then deploy".to_owned());
    Ok(outcome)
}

/// Takes a person out of the inventory, encrypts everything without them, and rotates what they could ever have read. The
/// outcome is well only if nothing of it is still in use.
///
/// # Errors
/// When the history is not here, or anything cannot be done; then nothing was changed.
pub fn revoke(work: &Work<'_>, name: &str) -> Result<Outcome, Error> {
    work.sound()?;
    let past = history::of(&work.tree, name)?;
    let (path, text) = inventory_text(work)?;
    let there = work.cluster.people.keys().any(|person| person.as_str() == name);
    let mut leaving: BTreeSet<String> =
        inventory::keys_of(&work.cluster, name).iter().map(|key| plain_key(key)).collect();
    leaving.extend(past.keys.iter().cloned());
    if leaving.is_empty() {
        return Err(Error::Nobody(name.to_owned()));
    }
    let (new, after) = if there {
        people::without(&text, work.tree.inventory(), name)?
    } else {
        (text.clone(), work.cluster.clone())
    };
    let rules = rules_after(work, &after, &leaving, &[])?;
    let (mut draft, mut keyring, mut outcome) = rekey::plan(work, &rules, Which::Stale)?;
    let read = readable(work, &past, &leaving);
    let own = format!("{FOLDER}/person-{name}.age");
    let wanted: BTreeSet<String> = read
        .iter()
        .filter(|path| **path != own && **path != COMMITMENTS && rules.get(path).is_some())
        .cloned()
        .collect();
    if keyring.public().is_empty() && !keyring.has_plugins() {
        keyring = work.keyring()?;
    }
    rotate::add(work, &rules, (&wanted, &format!("{name} left")), &mut keyring, &mut draft, &mut outcome)?;
    // Whoever could read a value is its reader until it is another one: `verify` stays red by that.
    for path in &wanted {
        let entry = work.lock.as_ref().and_then(|lock| lock.files.get(path));
        if let (Some(entry), false) = (entry, draft.values.contains_key(path)) {
            let mut entry = entry.clone();
            entry.readers.extend(leaving.iter().filter(|key| crate::seal::recipient(key).is_ok()).cloned());
            draft.entries.insert(path.clone(), entry);
        }
    }
    draft.readers = wanted.iter().map(|path| (path.clone(), leaving.clone())).collect();
    if let Some(bytes) = work.tree.read(&own)? {
        draft.others.push(Change { path: own, old: Some(bytes), new: None });
    }
    let open: Vec<String> = wanted
        .iter()
        .filter(|path| draft.values.get(*path).is_none_or(|planned| !planned.forgets_readers))
        .map(|path| name_of(path).to_owned())
        .collect();
    let report_path = format!("{FOLDER}/revoked-{name}.md");
    let old_report = work.tree.read(&report_path)?;
    let report = report(name, &past, &wanted, &open, &outcome.next);
    draft.others.push(Change { path: report_path.clone(), old: old_report, new: Some(report.into_bytes()) });
    if there {
        draft.others.push(Change { path, old: Some(text.into_bytes()), new: Some(new.into_bytes()) });
    }
    draft.rules = Some(rules);
    let mut outcome = work.finish(draft, &mut keyring, outcome)?;
    outcome.notes.push(format!(
        "{name} could read {} of the secrets that are in use, by {} commits and the lock; the report is {report_path}",
        wanted.len(),
        past.commits
    ));
    if past.unclear > 0 {
        outcome.notes.push(format!(
            "in {} commits nobody can tell who could open what; there, every file counts",
            past.unclear
        ));
    }
    outcome.ok = open.is_empty();
    if open.is_empty() {
        outcome.notes.push(format!("every value that {name} could read is new; deploy, and it is over"));
    } else {
        outcome.notes.push(format!("NOT OVER: still in use and known to {name}: {}", open.join(", ")));
        outcome.next.push("keystone-cluster secrets verify stays red until all of that is done".to_owned());
    }
    outcome.next.push("git add hosts secrets && git commit, then deploy".to_owned());
    Ok(outcome)
}

/// Files whose value of today they could read, today or in the past.
fn readable(work: &Work<'_>, past: &history::Past, leaving: &BTreeSet<String>) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    let opened = |path: &String, rule: &Rule| {
        (rule.public_keys.iter().any(|key| leaving.contains(key))).then(|| path.clone())
    };
    for path in work.rules.iter().filter_map(|(path, rule)| opened(path, rule)) {
        if work.tree.read(&path).is_ok_and(|bytes| bytes.is_some()) {
            read.insert(path);
        }
    }
    for (path, generation) in &past.read {
        let today =
            work.lock.as_ref().and_then(|lock| lock.files.get(path)).map_or(1, |entry| entry.generation);
        if *generation >= today && work.tree.read(path).is_ok_and(|bytes| bytes.is_some()) {
            read.insert(path.clone());
        }
    }
    for (path, entry) in work.lock.iter().flat_map(|lock| &lock.files) {
        if entry.readers.iter().any(|key| leaving.contains(key)) {
            read.insert(path.clone());
        }
    }
    read
}

fn report(
    name: &str,
    past: &history::Past,
    wanted: &BTreeSet<String>,
    open: &[String],
    next: &[String],
) -> String {
    let mut text = format!(
        "# {name} left\n\n{}. {} commits of all branches and tags were looked at.\n\nCould read:\n\n",
        crate::clock::now(),
        past.commits
    );
    // Writing to a String cannot fail.
    for path in wanted {
        let state = if open.iter().any(|open| open == name_of(path)) { "still in use" } else { "new value" };
        let _ = writeln!(text, "- {}: {state}", name_of(path));
    }
    if !next.is_empty() {
        text.push_str("\nTo do:\n\n");
        for next in next {
            let _ = writeln!(text, "- {next}");
        }
    }
    text.push_str("\n`keystone-cluster secrets verify` tells what of it is open today.\n");
    text
}
