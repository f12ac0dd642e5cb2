//! The documents for AWS: who may take each role, and what each role may do.

mod backup;
mod ebs_csi;
mod machines;
mod operator;
mod scope;
mod trust;

use crate::aws::Aws;
use crate::input::Input;
use crate::policy::{Policy, Statement};
use crate::role::Role;
use scope::Scope;

pub use scope::{CLUSTER_TAG, CSI_TAG};
pub use trust::{ProviderDocument, ProviderTag, provider_arn};

/// The trust policy of a role.
#[must_use]
pub fn trust_policy(input: &Input, aws: &Aws, role: Role) -> Policy {
    trust::policy(input, aws, role)
}

/// What a role may do; nothing if the cluster has no use for the role.
#[must_use]
pub fn permissions(input: &Input, aws: &Aws, role: Role) -> Vec<Statement> {
    let scope = Scope { cluster: &input.cluster, aws };
    let pools = aws.pools.as_ref();
    let bucket = aws.backup_bucket.as_deref();
    match role {
        Role::NodePoolOperator => pools.map(|pools| operator::statements(&scope, pools)).unwrap_or_default(),
        Role::Node => pools.map(|pools| machines::node(&scope, pools)).unwrap_or_default(),
        Role::JoinService => pools.map(|_| machines::join_service(&scope)).unwrap_or_default(),
        // Volumes hang on machines of this cloud, which are those of pools.
        Role::EbsCsi => pools.map(|_| ebs_csi::statements(&scope)).unwrap_or_default(),
        Role::BackupWriter => bucket.map(|bucket| backup::writer(&scope, bucket)).unwrap_or_default(),
        Role::BackupRestore => bucket.map(|bucket| backup::restore(&scope, bucket)).unwrap_or_default(),
    }
}

/// The policy of the bucket for backups.
#[must_use]
pub fn bucket_policy(input: &Input, aws: &Aws) -> Option<Policy> {
    let scope = Scope { cluster: &input.cluster, aws };
    aws.backup_bucket.as_deref().map(|bucket| backup::bucket(&scope, bucket))
}
