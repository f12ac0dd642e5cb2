//! Which IAM documents a cluster has, and how policies fit IAM's limits.

use keystone_model::{Aws, AwsPartition, AwsRegion, Cluster};
use serde::{Deserialize, Serialize};

use crate::permissions::{CLUSTER_TAG, MAX_DOCUMENTS, MAX_SIZE, Scope, backup, ebs, machines, operator};
use crate::policy::{Policy, Statement};
use crate::trust_policy::{self, AUDIENCE, ServiceAccount};

/// Input of `aws iam create-open-id-connect-provider --cli-input-json`.
///
/// It has no thumbprints: AWS checks the issuer's certificate against public authorities. So IAM connects to the issuer
/// when the provider is created, and the documents must be published before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderDocument {
    /// The issuer.
    #[serde(rename = "Url")]
    pub url: String,
    /// Audiences that it accepts.
    #[serde(rename = "ClientIDList")]
    pub client_ids: Vec<String>,
    /// Tags.
    #[serde(rename = "Tags")]
    pub tags: Vec<Tag>,
}

/// A tag of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl ProviderDocument {
    /// The provider of a cluster's issuer.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        Self {
            url: cluster.identity.issuer.to_string(),
            client_ids: vec![AUDIENCE.to_owned()],
            tags: vec![Tag { key: CLUSTER_TAG.to_owned(), value: cluster.cluster.name.to_string() }],
        }
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name, and its folder's.
    pub name: &'static str,
    /// Who may take it.
    pub trust: Policy,
    /// What it may do.
    pub statements: Vec<Statement>,
}

/// The roles of a cluster. Machines and their join service have one where the inventory has a join URL, backups where
/// it has a bucket.
#[must_use]
pub fn roles(cluster: &Cluster, aws: &Aws) -> Vec<Role> {
    let scope = Scope { cluster, aws };
    let role = |name, namespace, account, statements| {
        let account = ServiceAccount { namespace, name: account };
        Role { name, trust: trust_policy::workload(aws, &cluster.identity.issuer, account), statements }
    };
    let system = "keystone-system";
    let mut roles = vec![
        role("ebs-csi", "kube-system", "ebs-csi-controller-sa", ebs::statements(&scope)),
        role("nodepool-operator", system, "nodepool-operator", operator::statements(&scope)),
    ];
    if let Some(url) = &cluster.identity.join_url {
        roles.push(role("join-service", system, "join-service", machines::join(&scope)));
        let statements = machines::node(&scope, url);
        roles.push(Role { name: "node", trust: trust_policy::machine(aws), statements });
    }
    if let Some(bucket) = &aws.backup_bucket {
        let bucket = bucket.as_str();
        roles.push(role("backup-restore", system, "backup-restore", backup::restore(&scope, bucket)));
        roles.push(role("backup-writer", system, "backup-writer", backup::writer(&scope, bucket)));
    }
    roles
}

/// Spreads statements over as few policies as fit IAM's limit, in order.
///
/// # Errors
/// When one statement alone is too large, or there would be too many policies.
pub fn fit(statements: &[Statement]) -> Result<Vec<Policy>, String> {
    let mut policies: Vec<Policy> = Vec::new();
    for statement in statements {
        let size = |policy: &Policy| policy.size().map_err(|error| error.to_string());
        if let Some(last) = policies.last_mut() {
            last.statement.push(statement.clone());
            if size(last)? <= MAX_SIZE {
                continue;
            }
            last.statement.pop();
        }
        let alone = Policy::new(vec![statement.clone()]);
        let found = size(&alone)?;
        if found > MAX_SIZE {
            return Err(format!(
                "the statement `{}` alone has {found} characters, and IAM allows {MAX_SIZE} in a policy; name fewer \
                 regions, subnets or instance types",
                statement.sid.as_deref().unwrap_or_default()
            ));
        }
        policies.push(alone);
    }
    if policies.len() > MAX_DOCUMENTS {
        return Err(format!(
            "{} policies are needed, and IAM allows {MAX_DOCUMENTS} to a role; name fewer regions, subnets or \
             instance types",
            policies.len()
        ));
    }
    Ok(policies)
}

/// A region that the account's partition does not have, and the one that has it. No request with the account's
/// credentials ever names such a region, so a pin to it denies everything.
#[must_use]
pub fn foreign_region(aws: &Aws) -> Option<(&AwsRegion, AwsPartition)> {
    aws.regions.iter().find_map(|region| {
        let home = match region.as_str() {
            name if name.starts_with("us-gov-") => AwsPartition::AwsUsGov,
            name if name.starts_with("cn-") => AwsPartition::AwsCn,
            _ => AwsPartition::Aws,
        };
        (home != aws.partition).then_some((region, home))
    })
}
