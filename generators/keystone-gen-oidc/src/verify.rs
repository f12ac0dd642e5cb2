//! From files back to documents, by the rules of those who read them.

use std::collections::BTreeMap;

use keystone_generator::Artifact;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::discovery::Discovery;
use crate::documents::ProviderDocument;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jwks::Jwks;
use crate::limits::{BUCKET_POLICY, MANAGED_POLICY, TRUST_POLICY, fits};
use crate::lint::{self, Violations};
use crate::policy::{Policy, Principal, Statement};
use crate::render::{BUCKET_FILE, DISCOVERY_FILE, JWKS_FILE, PROVIDER_FILE};
use crate::role::Role;
use crate::schema::Shape;

/// Reads the rendered files again: each against its schema, keys by naming them anew, policies by the table of actions,
/// and all of them against one another.
///
/// # Errors
/// The first file that its consumer would refuse, or that does not fit the others.
pub fn verify(artifacts: &[Artifact]) -> Result<(), Error> {
    let files: BTreeMap<&str, &str> =
        artifacts.iter().map(|artifact| (artifact.path.as_str(), artifact.contents.as_str())).collect();
    let get = |path: &str| files.get(path).copied().ok_or_else(|| Error::Missing(path.to_owned()));

    let discovery: Discovery = read(DISCOVERY_FILE, get(DISCOVERY_FILE)?, Shape::Discovery)?;
    let issuer: Issuer = discovery.issuer.parse()?;
    discovery
        .check(&issuer)
        .map_err(|reason| Error::Discovery { path: DISCOVERY_FILE.to_owned(), reason })?;
    let jwks: Jwks = read(JWKS_FILE, get(JWKS_FILE)?, Shape::Jwks)?;
    jwks.check().map_err(|reason| Error::Jwks { path: JWKS_FILE.to_owned(), reason })?;

    let others = || files.iter().filter(|(path, _)| ![DISCOVERY_FILE, JWKS_FILE].contains(*path));
    if others().next().is_none() {
        return Ok(());
    }
    let provider: ProviderDocument = read(PROVIDER_FILE, get(PROVIDER_FILE)?, Shape::Provider)?;
    same(PROVIDER_FILE, "the issuer", &provider.url, issuer.as_str())?;
    let mut roles: BTreeMap<Role, Vec<Statement>> = BTreeMap::new();
    for (path, text) in others() {
        match kind(path) {
            Some(Kind::Provider) => {}
            Some(Kind::Bucket) => {
                let policy = read(path, text, Shape::BucketPolicy)?;
                judge(path, &policy, lint::attached_to_bucket, BUCKET_POLICY)?;
            }
            Some(Kind::Trust(role)) => {
                let policy = read(path, text, Shape::TrustPolicy)?;
                judge(path, &policy, lint::trust, TRUST_POLICY)?;
                trusts_issuer(path, &policy, &issuer, &provider)?;
                roles.entry(role).or_default();
            }
            Some(Kind::Permissions(role)) => {
                let policy: Policy = read(path, text, Shape::RolePolicy)?;
                judge(path, &policy, lint::attached_to_role, MANAGED_POLICY)?;
                get(&format!("aws/{role}/trust-policy.json"))?;
                roles.entry(role).or_default().extend(policy.statement);
            }
            None => return Err(Error::Unknown((*path).to_owned())),
        }
    }
    roles.iter().try_for_each(|(role, statements)| judge_role(*role, statements))
}

/// All policies of a role together. A role that somebody can take and that may do nothing is a mistake.
fn judge_role(role: Role, statements: &[Statement]) -> Result<(), Error> {
    let path = format!("aws/{role}/permissions.json");
    if statements.is_empty() {
        return Err(Error::Missing(path));
    }
    lint::of_role(statements).map_err(|violations| Error::Policy { path, violations })
}

enum Kind {
    Provider,
    Bucket,
    Trust(Role),
    Permissions(Role),
}

fn kind(path: &str) -> Option<Kind> {
    if path == PROVIDER_FILE {
        return Some(Kind::Provider);
    }
    if path == BUCKET_FILE {
        return Some(Kind::Bucket);
    }
    let (folder, file) = path.strip_prefix("aws/")?.split_once('/')?;
    let role = Role::ALL.into_iter().find(|role| role.as_str() == folder)?;
    if file == "trust-policy.json" {
        return Some(Kind::Trust(role));
    }
    let number = file.strip_prefix("permissions")?.strip_suffix(".json")?;
    let fits = number.is_empty() || number.strip_prefix('-').is_some_and(|n| n.parse::<u8>().is_ok());
    fits.then_some(Kind::Permissions(role))
}

fn read<T: DeserializeOwned>(path: &str, text: &str, shape: Shape) -> Result<T, Error> {
    let unreadable =
        |error: serde_json::Error| Error::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let document: Value = serde_json::from_str(text).map_err(unreadable)?;
    shape.check(path, &document)?;
    serde_json::from_value(document).map_err(unreadable)
}

fn judge(
    path: &str,
    policy: &Policy,
    judge: impl Fn(&Policy) -> Result<(), Violations>,
    limit: usize,
) -> Result<(), Error> {
    judge(policy).map_err(|violations| Error::Policy { path: path.to_owned(), violations })?;
    fits(policy, limit, "").map_err(|reason| Error::TooLong { path: path.to_owned(), reason })
}

/// The provider in a trust policy is this issuer's, and the audience one that the provider takes.
fn trusts_issuer(
    path: &str,
    policy: &Policy,
    issuer: &Issuer,
    provider: &ProviderDocument,
) -> Result<(), Error> {
    for statement in &policy.statement {
        let Some(Principal::Federated(principal)) = &statement.principal else { continue };
        let found = principal.federated.split_once(":oidc-provider/").map_or("", |(_, found)| found);
        same(path, "the provider", found, issuer.host_and_path())?;
        let audience = format!("{found}:aud");
        for value in
            statement.condition.values().filter_map(|keys| keys.get(&audience)).flat_map(|values| &values.0)
        {
            same(path, "the audience", value, &provider.client_id_list.join(", "))?;
        }
    }
    Ok(())
}

fn same(path: &str, what: &'static str, found: &str, right: &str) -> Result<(), Error> {
    if found == right {
        return Ok(());
    }
    Err(Error::Differs { path: path.to_owned(), what, found: found.to_owned(), right: right.to_owned() })
}
