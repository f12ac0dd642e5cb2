//! What each role may do.
//!
//! The cluster's own things are told apart by the tag `keystone.systems/cluster` (EBS: `ebs.csi.aws.com/cluster-name`,
//! the driver's own): what creates asks for it in the request, what changes asks for it on the resource.

pub mod backup;
pub mod ebs;
pub mod machines;
pub mod operator;

use keystone_model::{Aws, AwsPartition, Cluster, Pool, Provider};

use crate::policy::{Statement, Texts};

/// Most characters of a managed policy, white space not counted.
pub const MAX_SIZE: usize = 6144;
/// Most managed policies of a role (the default quota of IAM).
pub const MAX_DOCUMENTS: usize = 10;
/// The tag on everything that belongs to a cluster; its value is the cluster's name.
pub const CLUSTER_TAG: &str = "keystone.systems/cluster";

/// What the statements are about: a cluster in an account.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// Its account.
    pub aws: &'a Aws,
}

impl<'a> Scope<'a> {
    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.cluster.cluster.name.as_str()
    }

    /// ARN of a service's resource in any region of the account.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:*:{}:{resource}", self.aws.partition.as_str(), self.aws.account_id)
    }

    /// ARN of a resource that has no account: images and snapshots, which are shared.
    #[must_use]
    pub fn shared(&self, resource: &str) -> String {
        format!("arn:{}:ec2:*::{resource}", self.aws.partition.as_str())
    }

    /// ARN of a resource of IAM, which knows no regions.
    #[must_use]
    pub fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.aws.partition.as_str(), self.aws.account_id)
    }

    /// ARNs of EC2's resources of these kinds.
    #[must_use]
    pub fn ec2<const N: usize>(&self, kinds: [&str; N]) -> Texts {
        kinds
            .into_iter()
            .map(|kind| match kind {
                "image" | "snapshot" => self.shared(&format!("{kind}/*")),
                _ => self.arn("ec2", &format!("{kind}/*")),
            })
            .collect()
    }

    /// The cluster's pools in AWS.
    pub fn pools(&self) -> impl Iterator<Item = &'a Pool> {
        self.cluster.pools.values().filter(|pool| pool.provider == Provider::Aws)
    }

    /// The regions in which the cluster may act, each once.
    #[must_use]
    pub fn regions(&self) -> Vec<String> {
        let mut regions: Vec<_> = self.aws.regions.iter().map(ToString::to_string).collect();
        regions.sort();
        regions.dedup();
        regions
    }

    /// The regions of the backup bucket: those of the targets that name it, else the cluster's.
    #[must_use]
    pub fn bucket_regions(&self, bucket: &str) -> Vec<String> {
        let targets = self.cluster.backup.targets.values();
        let named = targets.filter(|target| target.bucket.as_ref().is_some_and(|b| b.as_str() == bucket));
        let mut regions: Vec<_> =
            named.filter_map(|target| target.region.as_ref().map(ToString::to_string)).collect();
        regions.sort();
        regions.dedup();
        if regions.is_empty() { self.regions() } else { regions }
    }

    /// The end of the partition's host names.
    #[must_use]
    pub const fn dns_suffix(&self) -> &'static str {
        match self.aws.partition {
            AwsPartition::Aws | AwsPartition::AwsUsGov => "amazonaws.com",
            AwsPartition::AwsCn => "amazonaws.com.cn",
        }
    }

    /// The statement, in the cluster's regions only. Not for actions of IAM: which region such a request names is not
    /// documented where another service asks on the caller's behalf.
    #[must_use]
    pub fn pinned(&self, statement: Statement) -> Statement {
        statement.when("StringEquals", "aws:RequestedRegion", self.regions())
    }

    /// The statement, for what is being made with the cluster's tag.
    #[must_use]
    pub fn tagging(&self, statement: Statement) -> Statement {
        self.pinned(statement).when("StringEquals", &format!("aws:RequestTag/{CLUSTER_TAG}"), self.name())
    }

    /// The statement, for what has the cluster's tag.
    #[must_use]
    pub fn tagged(&self, statement: Statement) -> Statement {
        self.pinned(statement).when("StringEquals", &format!("aws:ResourceTag/{CLUSTER_TAG}"), self.name())
    }
}
