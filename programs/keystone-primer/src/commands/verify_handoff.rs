//! `keystone-primer verify-handoff`

use keystone_generator::Input;
use keystone_model::Cluster;
use keystone_pki::certificate::Time;

use super::client::Client;
use super::{Said, lab_mark};
use crate::cli::{Repository, VerifyHandoff};
use crate::clock;
use crate::control::Command;
use crate::horizon::{Horizon, Places, Token};
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &VerifyHandoff) -> Result<Said, Refusal> {
    let horizon = compute(client, &arguments.repository)?;
    if let Some(path) = &arguments.metrics {
        horizon.write_metrics(path)?;
    }
    let good = horizon.is_good_for(arguments.at_least);
    let mut json = horizon.json();
    json["ok"] = good.into();
    json["atLeastDays"] = arguments.at_least.into();
    json["lab"] = client.config.lab().into();
    let mut text = lab_mark(&json).to_owned() + &horizon.text(arguments.all);
    text.push_str(&verdict(&horizon, arguments.at_least));
    Ok(Said { json, text, bad: !good })
}

fn verdict(horizon: &Horizon, days: i64) -> String {
    if !horizon.open.is_empty() {
        return format!("\nNot ready: {} points are open.\n", horizon.open.len());
    }
    match horizon.first() {
        Some(item) if horizon.days_until(item.ends) >= days => {
            format!("\nReady: nothing ends within {days} days.\n")
        }
        Some(item) => format!(
            "\nNot ready: {} ends in {} days, and {days} are wanted.\n  next: keystone-primer generate-credentials\n",
            item.name,
            horizon.days_until(item.ends)
        ),
        None => {
            "\nNot ready: nothing was issued yet.\n  next: keystone-primer generate-credentials\n".to_owned()
        }
    }
}

/// The horizon, with the tokens that this primer gave out.
pub fn compute(client: &Client, repository: &Repository) -> Result<Horizon, Refusal> {
    let cluster = inventory(client, repository)?;
    let listed = client.ask_or_do(&Command::TokenList)?;
    let tokens: Vec<Token> = listed["tokens"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|token| token["used"].is_null() && token["revoked"].as_bool() != Some(true))
        .map(|token| Token {
            id: super::field(token, "id").to_owned(),
            name: super::field(token, "name").to_owned(),
            ends: Time::from_unix(token["expiry"].as_i64().unwrap_or_default()),
        })
        .collect();
    let places = Places { trust: repository.trust.clone(), secrets: Some(repository.secrets.clone()) };
    let now = Time::from_unix(i64::try_from(clock::now()).unwrap_or(i64::MAX));
    Horizon::new(&cluster, &places, &tokens, now)
}

/// The repository's inventory, if it is of this primer's cluster.
pub fn inventory(client: &Client, repository: &Repository) -> Result<Cluster, Refusal> {
    let path = &repository.inventory;
    let input = Input { inventory: path.clone(), trust: None };
    let (inventory, _) = input.inventory().map_err(|error| {
        Refusal::new(error.to_string())
            .fix("run it in the repository, or name the files: --inventory, --trust, --secrets")
    })?;
    let found = inventory.cluster.cluster.name.as_str();
    if found != client.config.cluster {
        return Err(Refusal::new(format!(
            "`{}` is the inventory of {found}, and this primer is of {}",
            path.display(),
            client.config.cluster
        )));
    }
    Ok(inventory.cluster)
}
