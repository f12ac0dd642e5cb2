//! The key with which a host joins the mesh: minted by Headscale, encrypted in memory, written at once or not at all.

mod error;
mod expiration;
mod headscale;
mod preauthkey;
mod report;
mod sealed;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use keystone_generator::Input;
use keystone_model::secret::LOCK_FILE;
use keystone_model::{Cluster, Name, Node, Pool, secret};

pub use error::EnrollError;
pub use expiration::Expiration;
pub use headscale::last_words;
pub use report::Done;

use crate::cli::Enroll;
use crate::refusal::Refusal;
use headscale::Headscale;
use sealed::{Place, seal};

/// Where the encrypted key goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    File(PathBuf),
    StandardOutput,
}

impl Target {
    /// What the command line says, and otherwise `secrets/mesh-join-HOST.age` of the inventory's repository.
    pub fn of(arguments: &Enroll) -> Self {
        match (&arguments.out, &arguments.secrets) {
            (Some(out), _) if out == Path::new("-") => Self::StandardOutput,
            (Some(out), _) => Self::File(out.clone()),
            (None, folder) => {
                let folder = folder.clone().unwrap_or_else(|| secrets_beside(&arguments.inventory));
                Self::File(folder.join(format!("mesh-join-{}.age", arguments.host)))
            }
        }
    }

    /// Whether `keystone-cluster secrets` keeps a lock over the folder.
    fn has_a_lock(&self) -> bool {
        match self {
            Self::File(file) => file.with_file_name(LOCK_FILE).exists(),
            Self::StandardOutput => false,
        }
    }
}

/// `hosts/cluster.toml` and `secrets` lie in one repository.
fn secrets_beside(inventory: &Path) -> PathBuf {
    match inventory.parent() {
        Some(hosts) if hosts.file_name().is_some() => hosts.with_file_name("secrets"),
        _ => PathBuf::from("../secrets"),
    }
}

/// Does what the command line says.
pub fn enroll(arguments: &Enroll) -> Result<Done, Refusal> {
    let input = Input { inventory: arguments.inventory.clone(), trust: None };
    let (inventory, _) = input.inventory()?;
    let cluster = &inventory.cluster;
    let (host, node) = find(cluster, &arguments.host)?;
    let headscale = Headscale::choose(arguments, cluster, host)?;
    let target = Target::of(arguments);
    let tags: Vec<String> = node.roles.iter().map(|role| role.tag()).collect();
    let recipients = secret::public_keys(cluster, [host]);
    let mut done = Done {
        host: host.to_string(),
        cloud_init: node.cloud_init,
        tags,
        expiration: arguments.expiration,
        opens_for: opens_for(cluster, host),
        command: Vec::new(),
        dry_run: arguments.dry_run,
        key_id: None,
        locked: target.has_a_lock(),
        target,
    };
    done.command = headscale.command(&done.tags, done.expiration);

    // Everything that can be refused is refused before a key exists.
    let place = match &done.target {
        Target::File(path) => Some(Place::prepare(path, arguments.replace, host.as_str())?),
        Target::StandardOutput => None,
    };
    if arguments.dry_run {
        return Ok(done);
    }
    let key = headscale.mint(&done.tags, done.expiration)?;
    done.key_id.clone_from(&key.id);
    let lost = |reason: String| {
        let id = key.id.clone();
        EnrollError::Unwritten { reason, id, expiration: done.expiration }
    };
    let sealed = seal(&key.secret, &recipients).map_err(lost)?;
    match place {
        Some(place) => place.write(&sealed).map_err(lost)?,
        None => io::stdout()
            .write_all(&sealed)
            .and_then(|()| io::stdout().flush())
            .map_err(|error| lost(error.to_string()))?,
    }
    Ok(done)
}

/// The host, or what was probably meant.
fn find<'a>(cluster: &'a Cluster, host: &str) -> Result<(&'a Name, &'a Node), EnrollError> {
    if let Some(found) = cluster.nodes.iter().find(|(name, _)| name.as_str() == host) {
        return Ok(found);
    }
    let in_pool = |(name, pool): (&Name, &Pool)| {
        (name.as_str() == host || pool.hosts.keys().any(|machine| machine.as_str() == host))
            .then(|| name.clone())
    };
    if let Some(pool) = cluster.pools.iter().find_map(in_pool) {
        return Err(EnrollError::Pool { host: host.to_owned(), pool: pool.to_string() });
    }
    let nearest = cluster
        .nodes
        .keys()
        .map(|name| (strsim::jaro_winkler(host, name.as_str()), name.as_str()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    let fix = nearest.map_or_else(
        || {
            format!(
                "there are {}",
                cluster.nodes.keys().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
            )
        },
        |(_, name)| format!("did you mean `{name}`?"),
    );
    Err(EnrollError::UnknownHost { host: host.to_owned(), fix })
}

/// Who can open the file, for people to read.
fn opens_for(cluster: &Cluster, host: &Name) -> Vec<String> {
    let admins = cluster.people.iter().filter(|(_, person)| person.admin).map(|(name, _)| name.to_string());
    std::iter::once(host.to_string()).chain(admins).collect()
}
