//! Values that stand in for what must exist and could not be read, so that the rules can still judge the rest.
//!
//! No finding is ever about a stand-in: rules are not asked about damaged places, nor about what rests on them.

use serde_json::{Value, json};

use crate::problem::{At, Step};

/// What stands in at that place. Without any, the table that lacks the value is left out.
pub(super) fn stand_in(place: &At) -> Option<Value> {
    let keys: Vec<&str> = place
        .steps()
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.as_str(),
            Step::Index(_) => "[]",
        })
        .collect();
    let value = match keys.as_slice() {
        ["schema"] => json!(1),
        // Their fields are missing next, and are stood in for in turn.
        ["cluster" | "mesh" | "identity"] | ["mesh", "coordinator" | "tls"] => json!({}),
        ["cluster" | "access" | "ssh", .., "name"]
        | ["ingress", "tunnel", "name"]
        | ["mesh", "coordinator", "node"]
        | ["identity", "login", "clientId"] => json!("stand-in"),
        ["cluster", "domain"] => json!("stand-in.invalid"),
        ["cluster", "stateVersion"] => json!("26.05"),
        ["mesh", "url"] => json!("https://mesh.stand-in.invalid"),
        ["mesh", "baseDomain"] => json!("base.stand-in.invalid"),
        ["mesh", "tls", "mode"] => json!("files"),
        ["identity", "issuer"] => json!("https://workloads.stand-in.invalid"),
        ["identity", "login", "issuer"] => json!("https://people.stand-in.invalid"),
        ["identity", "aws", "accountId"] => json!("000000000000"),
        ["identity", "aws", "vpcId"] => json!("vpc-00000000"),
        ["identity", "aws", "vpcCidr"] => json!("192.0.2.0/24"),
        ["identity", "aws", "regions"]
        | ["access" | "ssh", "[]", "from" | "to" | "users"]
        | ["nodes", _, "roles"]
        | ["ingress", "tunnel", "hostnames"] => json!([]),
        ["people", _, "email"] => json!("stand-in@stand-in.invalid"),
        // A valid recipient, the point 9 of X25519, for which nobody's key is taken.
        ["nodes", _, "ageKey"] => json!(AGE_KEY),
        // So high that no `min` is above it.
        ["pools", _, "max"] => json!(u32::MAX),
        _ => return None,
    };
    Some(value)
}

const AGE_KEY: &str = "age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq8r66x";
