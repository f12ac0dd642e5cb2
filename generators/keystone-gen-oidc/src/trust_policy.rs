//! Who may take a role.

use std::collections::BTreeMap;

use keystone_model::{Aws, AwsPartition, HttpsUrl};
use thiserror::Error;

use crate::issuer::{host_and_path, provider_arn};
use crate::policy::{Effect, Policy, Principal, Statement, VERSION};

/// The audience of tokens for AWS, and the provider's only client. It must not be among the audiences of
/// kube-apiserver itself, or a stolen token for AWS would open the API too.
pub const AUDIENCE: &str = "sts.amazonaws.com";
/// Most characters of a trust policy, white space not counted (the default quota of IAM).
pub const MAX_SIZE: usize = 2048;

const WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";
const ASSUME: &str = "sts:AssumeRole";

/// A service account of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
}

impl ServiceAccount {
    /// The subject of its tokens.
    #[must_use]
    pub fn subject(self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// Why a text is no trust policy of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("statement {statement}: {reason}")]
pub struct TrustPolicyError {
    /// Which statement, from 1.
    pub statement: usize,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// The service account takes the role with a token of the issuer. Subject and audience are both compared whole:
/// without the audience any token of that account would do, and with a pattern so would any account that fits it.
#[must_use]
pub fn workload(aws: &Aws, issuer: &HttpsUrl, account: ServiceAccount) -> Policy {
    let prefix = host_and_path(issuer);
    let provider = BTreeMap::from([("Federated".to_owned(), provider_arn(aws, issuer).into())]);
    let statement = Statement { resource: None, ..Statement::allow("WebIdentity", WEB_IDENTITY, "") };
    Policy::new(vec![
        statement
            .to(Principal::Named(provider))
            .when("StringEquals", &format!("{prefix}:aud"), AUDIENCE)
            .when("StringEquals", &format!("{prefix}:sub"), account.subject()),
    ])
}

/// Machines of EC2 take the role.
#[must_use]
pub fn machine(aws: &Aws) -> Policy {
    let service = BTreeMap::from([("Service".to_owned(), ec2_service(aws.partition).into())]);
    let statement = Statement { resource: None, ..Statement::allow("Machine", ASSUME, "") };
    Policy::new(vec![statement.to(Principal::Named(service))])
}

/// EC2 as a principal, and as the service to which a role is passed.
#[must_use]
pub const fn ec2_service(partition: AwsPartition) -> &'static str {
    match partition {
        AwsPartition::Aws | AwsPartition::AwsUsGov => "ec2.amazonaws.com",
        AwsPartition::AwsCn => "ec2.amazonaws.com.cn",
    }
}

/// Judges a trust policy of a cluster with that issuer.
///
/// # Errors
/// The first statement that trusts someone else, or the right one on too little proof.
pub fn check(policy: &Policy, issuer: &HttpsUrl) -> Result<(), TrustPolicyError> {
    for (n, statement) in policy.statement.iter().enumerate() {
        let refuse = |reason: String| TrustPolicyError { statement: n + 1, reason };
        if policy.version != VERSION {
            return Err(refuse(format!("the policy's version is `{}`; write `{VERSION}`", policy.version)));
        }
        if statement.effect != Effect::Allow || statement.resource.is_some() {
            return Err(refuse("a trust policy allows, and names no resource".to_owned()));
        }
        let Some(Principal::Named(principals)) = &statement.principal else {
            return Err(refuse("everyone may take the role; name one `Federated` or `Service`".to_owned()));
        };
        let named: Vec<_> = principals
            .iter()
            .flat_map(|(kind, names)| names.iter().map(move |name| (kind.as_str(), name)))
            .collect();
        let actions: Vec<_> = statement.action.iter().collect();
        match (named.as_slice(), actions.as_slice()) {
            ([("Service", "ec2.amazonaws.com" | "ec2.amazonaws.com.cn")], [ASSUME]) => {}
            ([("Federated", provider)], [WEB_IDENTITY]) => {
                federated(provider, statement, issuer).map_err(refuse)?;
            }
            _ => {
                return Err(refuse(format!(
                    "`{}` by {}; the cluster's roles are taken with `{WEB_IDENTITY}` by its provider, or with \
                     `{ASSUME}` by EC2",
                    actions.join(", "),
                    named
                        .iter()
                        .map(|(kind, name)| format!("{kind} `{name}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            }
        }
    }
    Ok(())
}

fn federated(provider: &str, statement: &Statement, issuer: &HttpsUrl) -> Result<(), String> {
    let prefix = host_and_path(issuer);
    let account = provider.strip_suffix(&format!(":oidc-provider/{prefix}")).and_then(|start| {
        ["arn:aws:iam::", "arn:aws-cn:iam::", "arn:aws-us-gov:iam::"]
            .iter()
            .find_map(|arn| start.strip_prefix(arn))
    });
    if account.is_none_or(|id| id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit())) {
        return Err(format!(
            "`{provider}` is not the provider of `{issuer}`, which is `arn:PARTITION:iam::ACCOUNT:oidc-provider/{prefix}`"
        ));
    }
    let (aud, sub) = (format!("{prefix}:aud"), format!("{prefix}:sub"));
    let equals = statement.condition.get("StringEquals");
    let one = |key: &str| match equals.and_then(|keys| keys.get(key)).map(|values| values.0.as_slice()) {
        Some([value]) => Some(value.as_str()),
        _ => None,
    };
    if one(&aud) != Some(AUDIENCE) {
        return Err(format!("`StringEquals` must compare `{aud}` with `{AUDIENCE}`"));
    }
    let account = one(&sub).and_then(|sub| sub.strip_prefix("system:serviceaccount:")?.split_once(':'));
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
    };
    if !account.is_some_and(|(namespace, name)| plain(namespace) && plain(name)) {
        return Err(format!(
            "`StringEquals` must compare `{sub}` with one service account, `system:serviceaccount:NAMESPACE:NAME`"
        ));
    }
    Ok(())
}
