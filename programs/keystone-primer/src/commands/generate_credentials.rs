//! `keystone-primer generate-credentials`

use std::fmt::Write as _;
use std::time::Instant;

use keystone_generator::Input;
use keystone_pki::certificate::{Certificate, Time};
use serde_json::json;

use super::client::Client;
use super::{Said, lab_mark, roots, secret};
use crate::cli::GenerateCredentials;
use crate::control::Command;
use crate::credentials::{Journal, Places, Plan, Wanted};
use crate::refusal::Refusal;
use crate::signing::not_before;

pub fn run(client: &Client, arguments: &GenerateCredentials) -> Result<Said, Refusal> {
    let began = Instant::now();
    let input = Input { inventory: arguments.inventory.clone(), trust: None };
    let (inventory, _) =
        input.inventory().map_err(|error| Refusal::new(error.to_string()).fix("keystone-cluster check"))?;
    let cluster = &inventory.cluster;
    if cluster.cluster.name.as_str() != client.config.cluster {
        return Err(Refusal::new(format!(
            "`{}` is the inventory of {}, and this primer is of {}",
            arguments.inventory.display(),
            cluster.cluster.name,
            client.config.cluster
        )));
    }
    crate::serve::hide_memory()?;
    let answer = client.ask(&Command::Root)?;
    let roots: Vec<Certificate> = roots::read(&answer)?.into_iter().map(|(_, root)| root).collect();
    let places = Places {
        secrets: arguments.secrets.clone(),
        trust: arguments.trust.clone(),
        identity: arguments.identity.clone(),
    };
    let now = Time::from_unix(not_before());
    let journal = if arguments.dry_run { None } else { Some(Journal::open(&places)?) };
    let wanted = Wanted { successors: arguments.successors, replace: places.asked()?, ..Wanted::default() };
    let plan = Plan::new(cluster, &roots, &places, &wanted, now)?;
    let mut text = lab_mark(&answer).to_owned();
    text.push_str(&plan.text());
    let mut document =
        json!({ "ok": true, "lab": answer["lab"], "plan": plan.json(), "dryRun": arguments.dry_run });
    let Some(journal) = journal.filter(|_| !plan.is_empty()) else {
        let end = if arguments.dry_run { "Nothing was done." } else { "Nothing was changed." };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{end}");
        document["written"] = json!([]);
        return Ok(Said::new(document, text));
    };
    let requests = plan.authorities.requests(cluster, now)?;
    let signed = if requests.is_empty() {
        Vec::new()
    } else {
        let secret = secret::ask(client, arguments.opening)?;
        roots::sign(client, None, requests, "generate-credentials", &secret)?
    };
    let written = plan.make(cluster, &roots, &places, signed, now)?.write(&journal, &places)?;
    let _ = writeln!(
        text,
        "\n{} files written in {:.1} s; next: {}git add {} {} && git commit",
        written.len(),
        began.elapsed().as_secs_f64(),
        places.before_commit(),
        places.secrets.display(),
        places.trust.display()
    );
    document["adopt"] = json!(places.locked());
    document["written"] = json!(written);
    Ok(Said::new(document, text))
}
