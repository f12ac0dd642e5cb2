//! `keystone-primer emergency-rotate`: what may be known to others is worth nothing afterwards. Nothing overlaps.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::client::Client;
use super::rotate_root_keys::Scene;
use super::{Said, lab_mark, secret};
use crate::act::Stage;
use crate::cli::EmergencyRotate;
use crate::control::Command;
use crate::credentials::{CROSSES, Journal};
use crate::groups::Kind;
use crate::refusal::Refusal;

const REASON: &str = "emergency-rotate --all-credentials";

fn generation(number: &Value) -> Option<u32> {
    number.as_u64().and_then(|number| u32::try_from(number).ok())
}

pub fn run(client: &Client, arguments: &EmergencyRotate) -> Result<Said, Refusal> {
    if !arguments.all_credentials {
        return Err(Refusal::new("nothing is chosen").fix(format!("keystone-primer {REASON}")));
    }
    let mut scene = Scene::new(client, &arguments.place)?;
    // One that was begun and not ended goes on with its own keys. Those of another rotation that is under way may be known.
    let begun = generation(&scene.answer["newestMadeWithBackup"]);
    let new = if begun.is_some() { scene.newest } else { scene.newest + 1 };
    let backup = begun.unwrap_or_else(|| generation(&scene.answer["backups"][0]).unwrap_or(1) + 1);
    let mut text = lab_mark(&scene.answer).to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  root          G{new} instead of G{}, which is believed no more\n  backup key    G{backup}; older shares open older \
         backups, and nothing else",
        scene.issuing
    );
    let mut document = json!({ "ok": true, "lab": scene.answer["lab"], "root": new, "backup": backup, "dryRun": arguments.place.dry_run });
    if arguments.place.dry_run {
        text.push_str("  every intermediate, certificate, key and value of the cluster is made anew\nNothing was done.\n");
        return Ok(Said::new(document, text));
    }
    let journal = Journal::open(&scene.places)?;
    let secret = secret::ask(client, arguments.place.opening)?;
    let keys = BTreeMap::from([(Kind::Root, new), (Kind::Backup, backup)]);
    Scene::step(client, Stage::Generate, &keys, REASON, &secret)?;
    // The root's certificate of itself is signed before anything else is.
    client.ask(&Command::EnsureRoot { generation: new, secret: Some(secret.clone()) })?;
    scene.answer = client.ask(&Command::Root)?;
    let believed = [scene.root(new)?];
    let (mut files, plan) = scene.issue(client, &believed, new, true, REASON, &secret)?;
    text.push_str(&plan);
    files.without(CROSSES);
    files.without("rotation.json");
    let written = files.write(&journal, &scene.places)?;
    let keys = BTreeMap::from([(Kind::Root, new)]);
    Scene::step(client, Stage::Issue, &keys, REASON, &secret)?;
    let done = Scene::step(client, Stage::Drop, &keys, REASON, &secret)?;
    for name in done["missing"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let _ = writeln!(
            text,
            "  {name} is off and still has its old share: keystone-primer rotate-root-keys --drop"
        );
    }
    let _ = writeln!(
        text,
        "\n{} files written. Nothing that was issued before is believed once the machines have them:\n  \
         {}git add {} {} && git commit, and deploy every machine, the control plane first\n  \
         write Secrets of Kubernetes anew, as the key that encrypted them may be known\n  \
         wrap backups anew: keystone-primer rotate-backup-key FILE...; whoever has a quorum of old shares opens copies of the \
         old ones for ever",
        written.len(),
        scene.places.before_commit(),
        scene.places.secrets.display(),
        scene.places.trust.display()
    );
    document["written"] = json!(written);
    document["missing"] = done["missing"].clone();
    Ok(Said::new(document, text))
}
