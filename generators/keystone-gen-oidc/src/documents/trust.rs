//! Whom AWS lets in: the provider, and the trust policy of each role.

use serde::{Deserialize, Serialize};

use super::scope::{CLUSTER_TAG, STRING};
use crate::aws::{Aws, Partition};
use crate::input::Input;
use crate::policy::{FederatedPrincipal, Policy, Principal, ServicePrincipal, Statement};
use crate::role::Role;

/// The provider, as `aws iam create-open-id-connect-provider --cli-input-json` takes it.
///
/// There is no thumbprint: AWS checks the certificate of the host by its own list of public authorities. It fetches the
/// documents when the provider is made, so they must be published before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderDocument {
    /// The issuer.
    #[serde(rename = "Url")]
    pub url: String,
    /// The audience.
    #[serde(rename = "ClientIDList")]
    pub client_id_list: Vec<String>,
    /// Tags.
    #[serde(rename = "Tags")]
    pub tags: Vec<ProviderTag>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct ProviderTag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl ProviderDocument {
    /// The provider of a cluster.
    #[must_use]
    pub fn of(input: &Input) -> Self {
        Self {
            url: input.issuer.to_string(),
            client_id_list: vec![input.audience.clone()],
            tags: vec![ProviderTag { key: CLUSTER_TAG.to_owned(), value: input.cluster.clone() }],
        }
    }
}

/// ARN of the provider. The path of the issuer is part of it.
#[must_use]
pub fn provider_arn(input: &Input, aws: &Aws) -> String {
    format!(
        "arn:{}:iam::{}:oidc-provider/{}",
        aws.partition.as_str(),
        aws.account_id,
        input.issuer.host_and_path()
    )
}

pub(super) fn policy(input: &Input, aws: &Aws, role: Role) -> Policy {
    if role == Role::Node {
        // Karpenter's templates, too, give machines in China the name with the country's ending.
        let service = match aws.partition {
            Partition::AwsCn => "ec2.amazonaws.com.cn",
            Partition::Aws | Partition::AwsUsGov => "ec2.amazonaws.com",
        };
        let principal = Principal::Service(ServicePrincipal { service: service.to_owned() });
        return Policy::new(vec![Statement::allow("MachinesTakeIt", &["sts:AssumeRole"]).by(principal)]);
    }
    let provider = input.issuer.host_and_path();
    let subjects = input.accounts(role).iter().map(crate::role::ServiceAccount::subject).collect::<Vec<_>>();
    let principal = Principal::Federated(FederatedPrincipal { federated: provider_arn(input, aws) });
    Policy::new(vec![
        Statement::allow("ServiceAccountTakesIt", &["sts:AssumeRoleWithWebIdentity"])
            .by(principal)
            .when(STRING, &format!("{provider}:aud"), [input.audience.as_str()])
            .when(STRING, &format!("{provider}:sub"), subjects),
    ])
}
