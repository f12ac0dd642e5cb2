//! `keystone-cluster rotate-keys`

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use keystone_generator::Input;
use keystone_primer::rotation::{Places, Rotation, Type, rotate};
use serde_json::json;

use super::print;
use crate::cli::{Kind, RotateKeys};
use crate::refusal::Refusal;

pub fn run(arguments: &RotateKeys) -> ExitCode {
    let input = Input { inventory: arguments.inventory.clone(), trust: None };
    let inventory = match input.inventory() {
        Ok((inventory, _)) => inventory,
        Err(error) => return Refusal::from(error).show(arguments.json),
    };
    let places = Places {
        secrets: arguments.secrets.clone(),
        trust: arguments.trust.clone(),
        identity: arguments.identity.clone(),
    };
    let wanted = Rotation {
        kind: match arguments.kind {
            Kind::Intermediate => Type::Intermediate,
            Kind::Leaves => Type::Leaves,
        },
        only: arguments.only.clone(),
        overlap: u64::from(arguments.overlap_days) * 86_400,
        finish: arguments.finish,
        revoke: arguments.revoke.iter().cloned().collect(),
        dry_run: arguments.dry_run,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match rotate(&inventory.cluster, &places, &wanted, now) {
        Ok(rotated) => print(&if arguments.json { format!("{:#}\n", rotated.json) } else { rotated.text }),
        Err(refusal) if arguments.json => {
            println!("{:#}", json!({ "ok": false, "error": refusal }));
            ExitCode::FAILURE
        }
        Err(refusal) => {
            eprintln!("error: {refusal}");
            ExitCode::FAILURE
        }
    }
}
