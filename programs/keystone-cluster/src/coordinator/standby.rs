//! What every candidate does all the time: hear who is the coordinator, give way to a later one, and keep a copy of its
//! state.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::answer::{Checked, Done};
use super::error::CoordinatorError;
use super::lease::{self, Lease};
use super::settings::Settings;
use super::system::{self, HEADSCALE, STANDBY};
use super::{peers, replica};

/// Asks the other candidates what they know, and acts on it. When Headscale is about to start, a no is an error.
pub fn check(settings: &Settings, starting: bool) -> Result<Checked, CoordinatorError> {
    // Before it starts, and while it serves, a node hears everybody; a standby need not, while the one it follows serves.
    let last: Option<Lease> = lease::read(&settings.known())?;
    let serves = lease::read::<Lease>(&settings.lease())?.is_some();
    let heard = match &last {
        Some(last) if !starting && !serves => peers::ask_holder_first(settings, last),
        _ => peers::ask(settings),
    };
    // A start is part of a verb that is alone already, or of the machine's.
    let _alone = if starting { None } else { Some(lease::alone(&settings.lock)?) };
    let before: Option<Lease> = lease::read(&settings.known())?;
    let held: Option<Lease> = lease::read(&settings.lease())?;
    let known =
        heard.into_iter().chain(before.clone()).chain(held.clone()).max_by_key(|lease| lease.generation);
    if known != before
        && let Some(known) = &known
    {
        lease::write(&settings.known(), known)?;
    }
    if let (Some(held), Some(known)) = (&held, &known)
        && known.generation > held.generation
    {
        // Somebody took over while this node was away. The lease goes first: a crash after it stays fenced.
        lease::remove(&settings.lease())?;
        if starting {
            let Lease { holder, generation } = known.clone();
            return Err(CoordinatorError::Superseded { holder, generation });
        }
        system::stop(&[HEADSCALE, system::LOG])?;
        system::restart_later(STANDBY)?;
        return Ok(Checked { known: Some(known.clone()), may_serve: false });
    }
    if starting {
        if held.is_none() {
            return Err(CoordinatorError::NoLease { node: settings.node.clone() });
        }
        let others = peers::serving(settings);
        if !others.is_empty() {
            return Err(CoordinatorError::OtherServes {
                url: settings.url.clone(),
                peers: others.join(", "),
            });
        }
    } else if held.is_some() {
        if !system::is_active(HEADSCALE) {
            system::start(&["--no-block", HEADSCALE])?;
        }
    } else {
        replica::prune(settings)?;
        follow_if(settings, known != before)?;
    }
    Ok(Checked { known, may_serve: held.is_some() })
}

/// Hears who is the coordinator. A copy that was to be started from is forgotten.
pub fn note(settings: &Settings, holder: &str, generation: u64) -> Result<Done, CoordinatorError> {
    let told = Lease { holder: holder.to_owned(), generation };
    let before: Option<Lease> = lease::read(&settings.known())?;
    let newer = before.as_ref().is_none_or(|before| before.generation < generation);
    if newer {
        lease::write(&settings.known(), &told)?;
    }
    lease::remove(&settings.received())?;
    if lease::read::<Lease>(&settings.lease())?.is_none() {
        follow_if(settings, newer)?;
    }
    Ok(Done { done: true })
}

/// Follows the coordinator, unless this node is about to become it.
fn follow_if(settings: &Settings, changed: bool) -> Result<(), CoordinatorError> {
    if settings.received().exists() || (!changed && system::is_active(STANDBY)) {
        return Ok(());
    }
    system::restart_later(STANDBY)
}

/// Becomes litestream, which copies the coordinator's log as it grows. Returns only what went wrong.
pub fn follow(settings: &Settings) -> CoordinatorError {
    match prepare(settings) {
        Ok((configuration, database)) => {
            let error = Command::new("litestream")
                .args(["restore", "-f", "-no-expand-env", "-config"])
                .arg(configuration)
                .arg(database)
                .exec();
            CoordinatorError::Run { program: "litestream".to_owned(), reason: error.to_string() }
        }
        Err(error) => error,
    }
}

fn prepare(settings: &Settings) -> Result<(PathBuf, PathBuf), CoordinatorError> {
    let known: Lease = lease::read(&settings.known())?.ok_or(CoordinatorError::NobodyToFollow)?;
    let peer = settings.peers.get(&known.holder).ok_or(CoordinatorError::NobodyToFollow)?;
    let database = replica::place(settings, &known)?;
    // A unit without root's rights gets the key as a credential (systemd.exec(5)).
    let identity = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map_or_else(|| settings.identity.clone(), |folder| PathBuf::from(folder).join("identity"));
    let configuration = json!({
        "dbs": [{
            "path": database,
            "replica": {
                "type": "sftp",
                "host": format!("{}:22", peer.mesh_name),
                "user": settings.account,
                "path": "/log",
                "key-path": identity,
                "host-key": peer.host_key,
            },
        }],
    });
    // JSON is YAML.
    let file = database.with_file_name("litestream.yml");
    lease::write(&file, &configuration)?;
    Ok((file, database))
}
