//! What all statements of a cluster have in common: its account, its regions, its tags.

use crate::aws::Aws;
use crate::policy::{Operator, Statement, Test};

/// Marks what belongs to a cluster.
pub const CLUSTER_TAG: &str = "keystone.systems/cluster";
/// Marks volumes and machines that the EBS driver of a cluster may touch; the driver sets it by itself.
pub const CSI_TAG: &str = "ebs.csi.aws.com/cluster-name";

pub(super) const STRING: Operator = Operator::plain(Test::StringEquals);
pub(super) const BOOL: Operator = Operator::plain(Test::Bool);
pub(super) const NULL: Operator = Operator::plain(Test::Null);
pub(super) const AT_MOST: Operator = Operator::plain(Test::NumericLessThanEquals);

/// The cluster in its account.
pub(super) struct Scope<'a> {
    pub(super) cluster: &'a str,
    pub(super) aws: &'a Aws,
}

impl Scope<'_> {
    /// ARN of something of EC2 in this account. Regions are told by [`Conditions::in_regions`], as an ARN for each would
    /// double the document with every region.
    pub(super) fn ec2(&self, resource: &str) -> String {
        format!("arn:{}:ec2:*:{}:{resource}", self.aws.partition.as_str(), self.aws.account_id)
    }

    /// ARN of an image or snapshot, which have no account in theirs.
    pub(super) fn shared(&self, resource: &str) -> String {
        format!("arn:{}:ec2:*::{resource}", self.aws.partition.as_str())
    }

    /// ARN of every auto-scaling group of this cluster.
    pub(super) fn groups(&self) -> String {
        format!(
            "arn:{}:autoscaling:*:{}:autoScalingGroup:*:autoScalingGroupName/keystone-{}-*",
            self.aws.partition.as_str(),
            self.aws.account_id,
            self.cluster
        )
    }

    /// ARN of a role or instance profile.
    pub(super) fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.aws.partition.as_str(), self.aws.account_id)
    }
}

/// Conditions that most statements have.
pub(super) trait Conditions {
    /// In the regions of the cluster.
    fn in_regions(self, scope: &Scope<'_>) -> Self;
    /// The request tags what it makes as this cluster's.
    fn tagging(self, scope: &Scope<'_>) -> Self;
    /// The resource is tagged as this cluster's.
    fn tagged(self, scope: &Scope<'_>) -> Self;
}

impl Conditions for Statement {
    fn in_regions(self, scope: &Scope<'_>) -> Self {
        self.when(STRING, "aws:RequestedRegion", scope.aws.regions.iter().map(String::as_str))
    }

    fn tagging(self, scope: &Scope<'_>) -> Self {
        self.when(STRING, &format!("aws:RequestTag/{CLUSTER_TAG}"), [scope.cluster])
    }

    fn tagged(self, scope: &Scope<'_>) -> Self {
        self.when(STRING, &format!("aws:ResourceTag/{CLUSTER_TAG}"), [scope.cluster])
    }
}
