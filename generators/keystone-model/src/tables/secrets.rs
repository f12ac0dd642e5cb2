//! `[secrets]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::AgeRecipient;

/// The root of trust and the secrets in git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Secrets {
    /// Primers that must take part when the root key signs or a backup is opened: more than half, fewer than all.
    pub quorum_size: u32,
    /// Who can open the keys of intermediates, and so issue below them.
    pub ca_recipients: CaRecipients,
    /// The recipient that only a quorum of primers can decrypt for, as `backupKeyPath` on a primer holds it. Needed with
    /// `caRecipients = "control-plane+quorum"`.
    pub quorum_recipient: Option<AgeRecipient>,
}

/// Who can open the keys of intermediates. Each of them can issue below an intermediate, alone and unseen, until it is
/// rotated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CaRecipients {
    /// Every primer, every control-plane node and every admin.
    #[default]
    #[serde(rename = "specification")]
    Specification,
    /// Every control-plane node, and a quorum of primers together; no admin, and no primer alone.
    #[serde(rename = "control-plane+quorum")]
    ControlPlaneAndQuorum,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { quorum_size: 2, ca_recipients: CaRecipients::default(), quorum_recipient: None }
    }
}
