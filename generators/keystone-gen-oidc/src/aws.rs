//! The AWS account that trusts the issuer.

use serde::Deserialize;
use thiserror::Error;

/// One of Amazon's separate clouds. Nothing of one can name anything of another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// The public regions.
    #[default]
    Aws,
    /// The regions in China.
    AwsCn,
    /// `GovCloud` (US).
    AwsUsGov,
}

/// The account and what of it the cluster uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Aws {
    /// The cloud that the account belongs to.
    #[serde(default)]
    pub partition: Partition,
    /// Its number, twelve digits.
    pub account_id: String,
    /// Regions in which the cluster may act.
    pub regions: Vec<String>,
    /// What pools of machines need.
    pub pools: Option<Pools>,
    /// Bucket for backups.
    pub backup_bucket: Option<String>,
    /// Key (ARN) with which volumes are encrypted instead of the account's default key.
    pub kms_key: Option<String>,
}

/// What pools of machines need.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Pools {
    /// The network in which machines are made.
    pub vpc_id: String,
    /// The subnets in which they are made.
    pub subnets: Vec<String>,
    /// Types of instances that may be made; with none, all.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Name of the machines' role, and of the instance profile that carries it.
    pub node_role: String,
    /// Most machines of one pool.
    pub max_group_size: u32,
    /// Where a machine proves who it is: the audience of its token.
    pub join_url: String,
    /// Name of the queue with notices of interruption, if there is one.
    pub interruption_queue: Option<String>,
}

/// What is wrong with the description of the account.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{value}` is no {what}; {fix}")]
pub struct AwsError {
    /// The value.
    pub value: String,
    /// What it should have been.
    pub what: &'static str,
    /// What would be right.
    pub fix: String,
}

impl Partition {
    /// Every partition.
    pub const ALL: [Self; 3] = [Self::Aws, Self::AwsCn, Self::AwsUsGov];

    /// The partition as it stands in an ARN.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }

    /// The partition of a region.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        if region.starts_with("cn-") {
            Self::AwsCn
        } else if region.starts_with("us-gov-") {
            Self::AwsUsGov
        } else {
            Self::Aws
        }
    }

    /// Names under which the service `name` may appear. In China, EC2 goes by both (Karpenter's and Amazon's own
    /// policies list both).
    #[must_use]
    pub fn service_names(self, name: &str) -> Vec<String> {
        let plain = format!("{name}.amazonaws.com");
        match self {
            Self::AwsCn => vec![format!("{plain}.cn"), plain],
            Self::Aws | Self::AwsUsGov => vec![plain],
        }
    }
}

impl Aws {
    /// Checks everything that goes into ARNs and conditions: none of it may widen what it is part of.
    ///
    /// # Errors
    /// The first value that does not fit.
    pub fn check(&self) -> Result<(), AwsError> {
        let refuse = |value: &str, what, fix: &str| {
            Err(AwsError { value: value.escape_default().to_string(), what, fix: fix.to_owned() })
        };
        if self.account_id.len() != 12 || !self.account_id.bytes().all(|b| b.is_ascii_digit()) {
            return refuse(&self.account_id, "account number", "write its twelve digits, as text");
        }
        if self.regions.is_empty() {
            return refuse("[]", "list of regions", "name at least one");
        }
        for region in &self.regions {
            if !name(region, 32, "-") || !region.ends_with(|c: char| c.is_ascii_digit()) {
                return refuse(region, "region", "write one like `eu-central-1`");
            }
            let right = Partition::of_region(region);
            if right != self.partition {
                let fix = format!("set the partition to `{}`, or take other regions", right.as_str());
                return refuse(region, "region of this account's partition", &fix);
            }
        }
        if let Some(bucket) = &self.backup_bucket
            && !(name(bucket, 63, ".-") && bucket.len() >= 3)
        {
            return refuse(
                bucket,
                "name of a bucket",
                "take 3 to 63 small letters, digits, dots and hyphens",
            );
        }
        if let Some(key) = &self.kms_key
            && !self.owns_key(key)
        {
            let fix = format!("write one like `arn:{}:kms:REGION:ACCOUNT:key/ID`", self.partition.as_str());
            return refuse(key, "ARN of a key of this partition", &fix);
        }
        self.pools.as_ref().map_or(Ok(()), Pools::check)
    }

    fn owns_key(&self, key: &str) -> bool {
        let template = "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}";
        key.starts_with(&format!("arn:{}:", self.partition.as_str()))
            && !key.contains(['*', '?', '$'])
            && crate::arn::names(key, template)
    }
}

impl Pools {
    fn check(&self) -> Result<(), AwsError> {
        let refuse = |value: &str, what, fix: &str| {
            Err(AwsError { value: value.escape_default().to_string(), what, fix: fix.to_owned() })
        };
        if !resource_id("vpc-", &self.vpc_id) {
            return refuse(&self.vpc_id, "id of a network", "write one like `vpc-0a1b2c3d4e5f60718`");
        }
        if self.subnets.is_empty() {
            return refuse("[]", "list of subnets", "name at least one, such as `subnet-0a1b2c3d4e5f60718`");
        }
        if let Some(subnet) = self.subnets.iter().find(|subnet| !resource_id("subnet-", subnet)) {
            return refuse(subnet, "id of a subnet", "write one like `subnet-0a1b2c3d4e5f60718`");
        }
        if let Some(kind) =
            self.instance_types.iter().find(|kind| !name(kind, 64, ".-") || !kind.contains('.'))
        {
            return refuse(kind, "type of instance", "write one like `m7i.large`");
        }
        let role = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if !(1..=64).contains(&self.node_role.len()) || !self.node_role.bytes().all(role) {
            return refuse(
                &self.node_role,
                "name of a role",
                "take at most 64 letters, digits and `+=,.@_-`",
            );
        }
        if self.max_group_size == 0 {
            return refuse("0", "size of a pool", "allow at least one machine");
        }
        let url = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/".contains(&b);
        if !self
            .join_url
            .strip_prefix("https://")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(url))
        {
            return refuse(&self.join_url, "https URL", "write one like `https://join.keystone.example`");
        }
        if let Some(queue) = &self.interruption_queue
            && !(!queue.is_empty()
                && queue.len() <= 80
                && queue.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)))
        {
            return refuse(queue, "name of a queue", "take at most 80 letters, digits, `_` and `-`");
        }
        Ok(())
    }
}

fn name(text: &str, longest: usize, others: &str) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || others.as_bytes().contains(&b))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

fn resource_id(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| {
        matches!(rest.len(), 8..=17) && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}
