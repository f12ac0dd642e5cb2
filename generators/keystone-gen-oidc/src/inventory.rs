//! From the inventory to the input of the core.

use std::collections::BTreeSet;

use keystone_model::{AwsPartition, Cluster, Provider, Trust};

use crate::aws::{Aws, Partition, Pools};
use crate::error::Error;
use crate::input::Input;
use crate::issuer::Issuer;
use crate::rotation::KeyState;

impl TryFrom<(&Cluster, &Trust)> for Input {
    type Error = Error;

    fn try_from((cluster, trust): (&Cluster, &Trust)) -> Result<Self, Error> {
        let issuer: Issuer = cluster.identity.issuer.as_str().parse()?;
        let keys = trust.service_account_keys.iter();
        let keys = keys.map(|key| (key.name.clone(), key.state.into(), key.pem.clone())).collect();
        let mut input = Self::new(issuer, cluster.cluster.name.as_str(), keys);
        input.aws = cluster.identity.aws.as_ref().map(|aws| account(cluster, aws));
        Ok(input)
    }
}

impl From<keystone_model::KeyState> for KeyState {
    fn from(state: keystone_model::KeyState) -> Self {
        match state {
            keystone_model::KeyState::Signing => Self::Signing,
            keystone_model::KeyState::Published => Self::Published,
            keystone_model::KeyState::Retiring => Self::Retiring,
        }
    }
}

fn account(cluster: &Cluster, aws: &keystone_model::Aws) -> Aws {
    Aws {
        partition: match aws.partition {
            AwsPartition::Aws => Partition::Aws,
            AwsPartition::AwsCn => Partition::AwsCn,
            AwsPartition::AwsUsGov => Partition::AwsUsGov,
        },
        account_id: aws.account_id.clone(),
        regions: aws.regions.iter().map(ToString::to_string).collect(),
        pools: pools(cluster, aws),
        backup_bucket: aws.backup_bucket.as_ref().map(ToString::to_string),
        kms_key: aws.kms_key_arn.clone(),
    }
}

/// What all pools together need, so that a new pool of a known kind needs no new policy. Without a pool in this cloud,
/// nobody needs the right to make machines.
fn pools(cluster: &Cluster, aws: &keystone_model::Aws) -> Option<Pools> {
    let of_aws = || cluster.pools.values().filter(|pool| pool.provider == Provider::Aws);
    of_aws().next()?;
    let join_url = cluster.identity.join_url.as_ref()?;
    let subnets: BTreeSet<&String> = of_aws().flat_map(|pool| &pool.subnets).collect();
    let kinds: BTreeSet<&String> = of_aws().flat_map(|pool| &pool.instance_types).collect();
    Some(Pools {
        vpc_id: aws.vpc_id.clone(),
        subnets: subnets.into_iter().cloned().collect(),
        instance_types: kinds.into_iter().cloned().collect(),
        node_role: aws.node_role.clone(),
        max_group_size: aws.max_group_size,
        join_url: join_url.to_string(),
        interruption_queue: None,
    })
}
