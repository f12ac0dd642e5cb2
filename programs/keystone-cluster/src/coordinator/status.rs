//! How this candidate stands.

use super::answer::Status;
use super::settings::Settings;
use super::system::{HEADSCALE, is_active, output};
use super::{database, lease, peers, replica};

/// What cannot be read is left out: a damaged file must not hide the rest.
pub fn status(settings: &Settings) -> Status {
    let version = output("headscale", &["version"]).ok();
    let serving = is_active(HEADSCALE);
    Status {
        node: settings.node.clone(),
        lease: lease::read(&settings.lease()).ok().flatten(),
        fenced: lease::read(&settings.fenced()).ok().flatten(),
        known: lease::read(&settings.known()).ok().flatten(),
        serving,
        headscale: version
            .and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)),
        noise: database::hash(&settings.noise),
        key: if serving { peers::own_key(settings) } else { None },
        policy: database::hash(&settings.policy),
        log: replica::last_txid(&settings.log()),
        replica: replica::newest(settings).map(Into::into),
    }
}
