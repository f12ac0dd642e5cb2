//! What a node does about being, becoming or no longer being the coordinator.
//!
//! Each is one verb that can be said twice: said again after a crash, it goes on where it was and answers the same. The
//! command that an admin runs, [`crate::handoff`], says them in order over SSH.

pub mod answer;
mod database;
mod error;
mod fence;
pub mod lease;
mod peers;
mod replica;
pub mod settings;
mod standby;
mod status;
mod system;
mod take;

use serde_json::Value;

pub use error::CoordinatorError;

use crate::cli::{CoordinatorCommand, CoordinatorVerb};
use settings::Settings;

/// Does what is said, and answers.
pub fn run(command: &CoordinatorCommand) -> Result<Value, CoordinatorError> {
    let settings = Settings::read(&command.settings)?;
    // A verb of a command that was killed may still be at work. `check` asks others for seconds, and is asked when a verb
    // starts Headscale, so it sees to this itself.
    let _alone = match &command.verb {
        CoordinatorVerb::Status | CoordinatorVerb::Check { .. } | CoordinatorVerb::Follow => None,
        _ => Some(lease::alone(&settings.lock)?),
    };
    match &command.verb {
        CoordinatorVerb::Status => answer(&status::status(&settings)),
        CoordinatorVerb::Fence { to, generation } => answer(&fence::fence(&settings, to, *generation)?),
        CoordinatorVerb::Unfence { generation } => answer(&fence::unfence(&settings, *generation)?),
        CoordinatorVerb::Retire { holder, generation } => {
            answer(&fence::retire(&settings, holder, *generation)?)
        }
        CoordinatorVerb::Receive { from, generation, txid } => {
            answer(&take::receive(&settings, from, *generation, txid.as_deref())?)
        }
        CoordinatorVerb::Adopt { generation } => answer(&take::adopt(&settings, *generation)?),
        CoordinatorVerb::Start { generation } => answer(&take::start(&settings, *generation)?),
        CoordinatorVerb::Note { holder, generation } => {
            answer(&standby::note(&settings, holder, *generation)?)
        }
        CoordinatorVerb::Check { starting } => answer(&standby::check(&settings, *starting)?),
        CoordinatorVerb::Follow => Err(standby::follow(&settings)),
    }
}

fn answer(document: &impl serde::Serialize) -> Result<Value, CoordinatorError> {
    serde_json::to_value(document).map_err(|error| CoordinatorError::Answer(error.to_string()))
}
