//! `[identity]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{AwsRegion, Cidr, HttpsUrl, Name};

/// Who issues tokens to workloads and to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Identity {
    /// Public URL below which the discovery document and the keys lie. Clouds fetch them from there, so it must be
    /// reachable from the Internet and must never change.
    #[schemars(example = "https://oidc.keystone.example/production")]
    pub issuer: HttpsUrl,
    /// Login of people with `kubectl`. Without it only break-glass certificates work.
    pub login: Option<Login>,
    /// The AWS account that trusts `issuer`.
    pub aws: Option<Aws>,
    /// Public URL of the service that turns a machine's attested identity into its credentials. Pools of a cloud
    /// need it.
    #[schemars(example = "https://join.keystone.example")]
    pub join_url: Option<HttpsUrl>,
}

/// Login of people by `OpenID` Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Login {
    /// Issuer of the people's tokens. Must differ from `identity.issuer`.
    #[schemars(example = "https://login.keystone.example")]
    pub issuer: HttpsUrl,
    /// Name of `kubectl` at the issuer.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// Claim that holds the groups of a person.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
}

fn groups_claim() -> String {
    "groups".to_owned()
}

/// The AWS account that trusts the cluster's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Aws {
    /// Number of the account, twelve digits.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account_id: String,
    /// Which of Amazon's separate clouds the account belongs to.
    #[serde(default)]
    pub partition: AwsPartition,
    /// Regions in which the cluster may act.
    #[schemars(length(min = 1))]
    pub regions: Vec<AwsRegion>,
    /// The network in which pools make their machines.
    #[schemars(regex(pattern = "^vpc-[0-9a-f]{8,17}$"))]
    pub vpc_id: String,
    /// Addresses of that network.
    #[schemars(example = "10.20.0.0/16")]
    pub vpc_cidr: Cidr,
    /// Name of the role that the machines of pools have.
    #[serde(default = "node_role")]
    pub node_role: String,
    /// Bucket for backups, when one of the targets is in this account.
    #[schemars(example = "keystone-production-backup")]
    pub backup_bucket: Option<Name>,
    /// Key (ARN) with which volumes are encrypted instead of the account's default key.
    pub kms_key_arn: Option<String>,
    /// Most machines that one pool may ever have, as enforced by IAM.
    #[serde(default = "max_group_size")]
    pub max_group_size: u32,
}

fn node_role() -> String {
    "keystone-node".to_owned()
}

const fn max_group_size() -> u32 {
    100
}

/// Amazon's separate clouds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AwsPartition {
    /// The public regions.
    #[default]
    Aws,
    /// The regions in China.
    AwsCn,
    /// `GovCloud` (US).
    AwsUsGov,
}

impl AwsPartition {
    /// The partition as it stands in an ARN.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }
}
