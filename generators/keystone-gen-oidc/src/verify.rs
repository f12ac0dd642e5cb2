//! Reading rendered documents again, as those that consume them do.

use std::collections::BTreeMap;

use keystone_generator::Artifact;
use keystone_model::HttpsUrl;

use crate::documents::ProviderDocument;
use crate::iam::Table;
use crate::policy::Policy;
use crate::trust_policy::{self, AUDIENCE};
use crate::{
    BUCKET_POLICY, DISCOVERY, Error, JWKS, PROVIDER, coverage, discovery, jwks, lint, permissions, schema,
};

/// Most characters of a bucket's policy; S3 counts bytes, white space included.
const MAX_BUCKET_POLICY: usize = 20 * 1024;

pub(crate) fn all(artifacts: &[Artifact]) -> Result<(), Error> {
    let text = |path: &'static str| {
        let found = artifacts.iter().find(|artifact| artifact.path == path);
        found.map(|artifact| artifact.contents.as_str()).ok_or(Error::Missing(path))
    };
    let issuer = discovery::read(text(DISCOVERY)?)?;
    jwks::read(text(JWKS)?)?;
    one_partition(artifacts)?;
    let table = Table::load().map_err(Error::Table)?;
    for artifact in artifacts {
        let path = artifact.path.as_str();
        if [DISCOVERY, JWKS].contains(&path) {
            continue;
        }
        let judged = if path == PROVIDER {
            provider(&artifact.contents, &issuer)
        } else {
            policy(path, &artifact.contents, &issuer, table)
        };
        judged.map_err(|reason| Error::Document { path: path.to_owned(), reason })?;
    }
    covered(artifacts, table)
}

/// Judges all permissions of each role together.
fn covered(artifacts: &[Artifact], table: &Table) -> Result<(), Error> {
    let mut roles: BTreeMap<&str, Vec<Policy>> = BTreeMap::new();
    for artifact in artifacts {
        let Some((folder, file)) = artifact.path.rsplit_once('/') else { continue };
        if file.starts_with("permissions") {
            let refuse = |reason: String| Error::Document { path: artifact.path.clone(), reason };
            let policy =
                serde_json::from_str(&artifact.contents).map_err(|error| refuse(error.to_string()))?;
            roles.entry(folder).or_default().push(policy);
        }
    }
    for (folder, policies) in roles {
        let gaps = coverage::gaps(&policies.iter().collect::<Vec<_>>(), table);
        if !gaps.is_empty() {
            return Err(Error::Document { path: folder.to_owned(), reason: gaps.join("\n") });
        }
    }
    Ok(())
}

/// ARNs of one partition never name anything in another.
fn one_partition(artifacts: &[Artifact]) -> Result<(), Error> {
    let mut first: Option<(&str, &str)> = None;
    for artifact in artifacts {
        for arn in artifact.contents.split("\"arn:").skip(1) {
            let Some((found, _)) = arn.split_once(':') else { continue };
            let (path, partition) = *first.get_or_insert((&artifact.path, found));
            if found != partition {
                let reason = format!(
                    "names the partition `{found}`, and `{path}` names `{partition}`; an account is in one"
                );
                return Err(Error::Document { path: artifact.path.clone(), reason });
            }
        }
    }
    Ok(())
}

fn provider(text: &str, issuer: &HttpsUrl) -> Result<(), String> {
    schema::check(schema::PROVIDER, text)?;
    let found: ProviderDocument = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if found.url != issuer.as_str() {
        return Err(format!("`Url` is `{}`, and the issuer is `{issuer}`", found.url));
    }
    if found.client_ids != [AUDIENCE] {
        return Err(format!(
            "`ClientIDList` must hold `{AUDIENCE}` alone, the audience of the cluster's tokens"
        ));
    }
    Ok(())
}

fn policy(path: &str, text: &str, issuer: &HttpsUrl, table: &Table) -> Result<(), String> {
    schema::check(schema::POLICY, text)?;
    let found: Policy = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let file = path.rsplit('/').next().unwrap_or(path);
    let size = found.size().map_err(|error| error.to_string())?;
    let within = |size: usize, limit: usize| {
        let message = || format!("{size} characters are more than AWS allows ({limit})");
        (size <= limit).then_some(()).ok_or_else(message)
    };
    if file == "trust-policy.json" {
        trust_policy::check(&found, issuer).map_err(|error| error.to_string())?;
        return within(size, trust_policy::MAX_SIZE);
    }
    let of_bucket = path == BUCKET_POLICY;
    if !of_bucket && !file.starts_with("permissions") {
        return Err("is no document of this generator".to_owned());
    }
    for (n, statement) in found.statement.iter().enumerate() {
        if statement.principal.is_some() != of_bucket {
            let rule = "a bucket's policy names principals, and a role's permissions do not";
            return Err(format!("statement {}: {rule}", n + 1));
        }
    }
    let mistakes: Vec<String> = lint::lint(&found, table).iter().map(ToString::to_string).collect();
    if !mistakes.is_empty() {
        return Err(mistakes.join("\n"));
    }
    if of_bucket { within(text.len(), MAX_BUCKET_POLICY) } else { within(size, permissions::MAX_SIZE) }
}
