//! Machines of pools, and the service that lets them join.

use keystone_model::HttpsUrl;

use super::Scope;
use crate::policy::Statement;

/// A machine may prove who it is to the join service, and nothing else: any pod on it that reaches the metadata service
/// has the same rights.
#[must_use]
pub fn node(scope: &Scope, join_url: &HttpsUrl) -> Vec<Statement> {
    vec![
        scope
            .pinned(Statement::allow("ProveIdentity", "sts:GetWebIdentityToken", "*"))
            .when("ForAllValues:StringEquals", "sts:IdentityTokenAudience", join_url.to_string())
            // `ForAllValues` holds for a request without audience too.
            .when("Null", "sts:IdentityTokenAudience", "false")
            .when("StringEquals", "sts:SigningAlgorithm", "ES384")
            .when("NumericLessThanEquals", "sts:DurationSeconds", "300"),
    ]
}

/// The join service looks at the machine that asks.
#[must_use]
pub fn join(scope: &Scope) -> Vec<Statement> {
    vec![scope.pinned(Statement::allow("Look", "ec2:DescribeInstances", "*"))]
}
