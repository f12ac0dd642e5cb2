//! What the documents are rendered from. Plain, and independent of the inventory.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::aws::{Aws, AwsError};
use crate::issuer::Issuer;
use crate::key::{KeyError, RsaKey, TokenKey};
use crate::role::{Role, ServiceAccount};
use crate::rotation::{KeyState, RotationError, order};

/// The audience of tokens for AWS unless another is asked for, as the pod identity webhook has it.
pub const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";

/// What the documents are rendered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The issuer.
    pub issuer: Issuer,
    /// The one audience of tokens for AWS.
    pub audience: String,
    /// Name of the cluster, as it stands in tags.
    pub cluster: String,
    /// The account that trusts the issuer; without one only discovery document and keys are rendered.
    pub aws: Option<Aws>,
    /// The token keys: name, state, PEM.
    pub keys: Vec<(String, KeyState, String)>,
    /// Who may take a role, where it is not [`Role::default_account`].
    pub service_accounts: BTreeMap<Role, Vec<ServiceAccount>>,
}

/// What is wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// A token key.
    #[error("the token key `{name}` {reason}")]
    Key {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: KeyError,
    },
    /// The token keys together.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The account.
    #[error("in the AWS account: {0}")]
    Aws(#[from] AwsError),
    /// The cluster's name.
    #[error("`{0}` is no name of a cluster; take at most 63 small letters, digits and hyphens")]
    Cluster(String),
    /// The audience.
    #[error("the audience `{audience}` {reason}")]
    Audience {
        /// The audience.
        audience: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A service account.
    #[error(
        "`{account}` of the role `{role}` is no service account; name one as `namespace/name`, without patterns"
    )]
    ServiceAccount {
        /// The service account.
        account: ServiceAccount,
        /// The role that it would take.
        role: Role,
    },
    /// A role that service accounts cannot take.
    #[error(
        "nobody can take the role `node` by a token of the cluster: machines have it from their instance profile"
    )]
    NodeRole,
    /// A role that nobody could take.
    #[error(
        "the role `{0}` has no service account; name at least one, or leave the role out for the usual one"
    )]
    NoAccount(Role),
}

impl Input {
    /// An input without account, for the usual audience.
    #[must_use]
    pub fn new(issuer: Issuer, cluster: &str, keys: Vec<(String, KeyState, String)>) -> Self {
        Self {
            issuer,
            audience: DEFAULT_AUDIENCE.to_owned(),
            cluster: cluster.to_owned(),
            aws: None,
            keys,
            service_accounts: BTreeMap::new(),
        }
    }

    /// Checks the input and gives the token keys in the order in which they are published.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<Vec<TokenKey>, InputError> {
        if !label(&self.cluster) {
            return Err(InputError::Cluster(self.cluster.escape_default().to_string()));
        }
        self.check_audience()?;
        if let Some(aws) = &self.aws {
            aws.check()?;
        }
        for (role, accounts) in &self.service_accounts {
            if *role == Role::Node {
                return Err(InputError::NodeRole);
            }
            if accounts.is_empty() {
                return Err(InputError::NoAccount(*role));
            }
            if let Some(account) = accounts.iter().find(|a| !label(&a.namespace) || !subdomain(&a.name)) {
                return Err(InputError::ServiceAccount { account: account.clone(), role: *role });
            }
        }
        let read = |(name, state, pem): &(String, KeyState, String)| match RsaKey::from_pem(pem) {
            Ok(key) => Ok(TokenKey { name: name.clone(), state: *state, key }),
            Err(reason) => Err(InputError::Key { name: name.clone(), reason }),
        };
        Ok(order(self.keys.iter().map(read).collect::<Result<_, _>>()?)?)
    }

    fn check_audience(&self) -> Result<(), InputError> {
        let refuse = |reason| {
            Err(InputError::Audience { audience: self.audience.escape_default().to_string(), reason })
        };
        if self.audience == self.issuer.as_str() {
            return refuse(
                "is the issuer, so a token stolen from AWS would open the Kubernetes API; take another",
            );
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_:/".contains(&b);
        if !(1..=255).contains(&self.audience.len()) || !self.audience.bytes().all(fits) {
            return refuse("is no client ID that IAM takes; use `sts.amazonaws.com`");
        }
        Ok(())
    }

    /// The service accounts that may take `role`.
    #[must_use]
    pub fn accounts(&self, role: Role) -> Vec<ServiceAccount> {
        match self.service_accounts.get(&role) {
            Some(accounts) => accounts.clone(),
            None => role.default_account().into_iter().collect(),
        }
    }
}

/// A DNS label: names of clusters and namespaces.
fn label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A DNS subdomain: names of service accounts.
fn subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(label)
}
