//! The role of machines, and that of the service which lets them join.

use super::scope::{AT_MOST, Conditions as _, STRING, Scope};
use crate::aws::Pools;
use crate::policy::{Operator, Statement, Test};

/// Longest life of the token with which a machine proves who it is, in seconds. It is shown once, at once.
const TOKEN_SECONDS: &str = "300";

/// A machine may get a token from AWS that says who it is, for the join service and nobody else.
pub(super) fn node(scope: &Scope<'_>, pools: &Pools) -> Vec<Statement> {
    vec![
        Statement::allow("ProveIdentity", &["sts:GetWebIdentityToken"])
            .on(["*"])
            // A token for two audiences would be good at the other one too; `Null`, as no audience at all passes
            // `ForAllValues`.
            .when(
                Operator::for_all(Test::StringEquals),
                "sts:IdentityTokenAudience",
                [pools.join_url.as_str()],
            )
            .when(Operator::plain(Test::Null), "sts:IdentityTokenAudience", ["false"])
            .when(STRING, "sts:SigningAlgorithm", ["ES384"])
            .when(AT_MOST, "sts:DurationSeconds", [TOKEN_SECONDS])
            .in_regions(scope),
    ]
}

/// The join service looks whether a machine is what its token says: network, tags, age.
pub(super) fn join_service(scope: &Scope<'_>) -> Vec<Statement> {
    vec![Statement::allow("LookAtMachines", &["ec2:DescribeInstances"]).on(["*"]).in_regions(scope)]
}
