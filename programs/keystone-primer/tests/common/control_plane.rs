//! What the control plane does by itself, with what one of its nodes has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use keystone_generator::Input;
use keystone_model::Authority;
use keystone_primer::rotation::{Places, Rotation, Type, rotate};

/// `keystone-cluster rotate-keys --type intermediate`, with an overlap that can end at once. What it says.
pub fn intermediates(secrets: &Path, trust: &Path, only: Option<Authority>, finish: bool) -> String {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let input = Input { inventory: repository.join("hosts/cluster.toml"), trust: None };
    let cluster = input.inventory().unwrap().0.cluster;
    let places = Places {
        secrets: secrets.to_owned(),
        trust: trust.to_owned(),
        identity: repository.join("checks/fixtures/identities/nodes/control-1.txt"),
    };
    let wanted = Rotation {
        kind: Type::Intermediate,
        only: only.into_iter().collect(),
        overlap: 0,
        finish,
        revoke: BTreeMap::new(),
        dry_run: false,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    rotate(&cluster, &places, &wanted, now).unwrap().text
}
