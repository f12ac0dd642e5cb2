//! What several verbs need of the root: its certificates, and its signatures.

use keystone_pki::certificate::Certificate;
use keystone_pki::request::Request;
use serde_json::Value;

use super::client::Client;
use crate::control::{Command, Secret};
use crate::refusal::Refusal;

fn certificate(pem: &Value) -> Result<Certificate, Refusal> {
    Certificate::from_pem(pem.as_str().unwrap_or_default()).map_err(|error| Refusal::new(error.to_string()))
}

/// Every generation of the root, the one that issues first.
pub fn read(answer: &Value) -> Result<Vec<(u64, Certificate)>, Refusal> {
    let roots = answer["roots"].as_array().cloned().unwrap_or_default();
    roots
        .iter()
        .map(|root| Ok((root["generation"].as_u64().unwrap_or_default(), certificate(&root["pem"])?)))
        .collect()
}

/// Has certificates signed.
pub fn sign(
    client: &Client,
    generation: Option<u32>,
    requests: Vec<Request>,
    reason: &str,
    secret: &Secret,
) -> Result<Vec<Certificate>, Refusal> {
    let reason = reason.to_owned();
    let done = client.ask(&Command::Sign { generation, requests, reason, secret: Some(secret.clone()) })?;
    done["certificates"].as_array().into_iter().flatten().map(certificate).collect()
}

/// A number of a generation in an answer.
pub fn number(answer: &Value, name: &str) -> u32 {
    answer[name].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}
