//! The issuer in the forms that AWS wants.

use keystone_model::{Aws, HttpsUrl};

/// `host/path` of the issuer: the name of its provider in ARNs, and the prefix of its condition keys.
#[must_use]
pub fn host_and_path(issuer: &HttpsUrl) -> String {
    format!("{}{}", issuer.host(), issuer.path())
}

/// ARN of the provider that stands for the issuer in an account. It includes the issuer's path.
#[must_use]
pub fn provider_arn(aws: &Aws, issuer: &HttpsUrl) -> String {
    format!("arn:{}:iam::{}:oidc-provider/{}", aws.partition.as_str(), aws.account_id, host_and_path(issuer))
}
