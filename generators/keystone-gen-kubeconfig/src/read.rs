//! Reading a kubeconfig as kubectl does, and as somebody who looks for secrets.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use thiserror::Error;

use crate::config::{Config, User};

/// Why a kubeconfig is not to be handed out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not YAML, or not the fields that we know.
    #[error("cannot be read as a kubeconfig: {0}")]
    Unreadable(String),
    /// A secret in the file.
    #[error("has a secret inside (`{0}`); name a file instead, or a program that fetches it")]
    Secret(String),
    /// kubectl would ignore the file.
    #[error("is `{0}`, and kubectl reads `v1` `Config`")]
    OtherKind(String),
    /// A context without its server.
    #[error("has a context `{context}` for the server `{cluster}`, which it does not have")]
    NoCluster {
        /// The context.
        context: String,
        /// The server.
        cluster: String,
    },
    /// A context without its user.
    #[error("has a context `{context}` for the user `{user}`, whom it does not have")]
    NoUser {
        /// The context.
        context: String,
        /// The user.
        user: String,
    },
    /// The context that is used unless another is named.
    #[error("uses the context `{0}`, which it does not have")]
    NoContext(String),
    /// Two entries of one name.
    #[error("has two entries named `{0}` in one list")]
    SameName(String),
    /// A server that is not to be trusted with credentials.
    #[error("has a server `{0}`, which is no https URL with a host")]
    NotHttps(String),
    /// A server's certificate could be anybody's.
    #[error("has no certificate to know the server `{0}` by")]
    NoAuthority(String),
    /// A user without a way to prove who they are, or with several.
    #[error("has a user `{0}` with {1} ways to prove who they are; there must be one")]
    Ways(String, usize),
    /// A program by a protocol that kubectl does not speak.
    #[error("has a user `{0}` whose program speaks `{1}`; kubectl speaks `client.authentication.k8s.io/v1`")]
    Protocol(String, String),
}

/// Keys whose value is a secret by itself.
const SECRET_KEYS: [&str; 4] = ["client-key-data", "token", "password", "auth-provider"];

/// Reads a kubeconfig.
///
/// # Errors
/// The first reason why kubectl would refuse it, or why nobody should have it.
pub fn read(text: &str) -> Result<Config, Refusal> {
    let value: Value =
        serde_saphyr::from_str(text).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    if let Some(key) = secret_key(&value) {
        return Err(Refusal::Secret(key));
    }
    let config: Config =
        serde_json::from_value(value).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    if (config.api_version.as_str(), config.kind.as_str()) != ("v1", "Config") {
        return Err(Refusal::OtherKind(format!("{} {}", config.api_version, config.kind)));
    }
    let clusters = names(config.clusters.iter().map(|entry| &entry.name))?;
    let users = names(config.users.iter().map(|entry| &entry.name))?;
    let contexts = names(config.contexts.iter().map(|entry| &entry.name))?;
    for entry in &config.contexts {
        let (context, cluster, user) =
            (entry.name.clone(), entry.context.cluster.clone(), entry.context.user.clone());
        if !clusters.contains(&cluster) {
            return Err(Refusal::NoCluster { context, cluster });
        }
        if !users.contains(&user) {
            return Err(Refusal::NoUser { context, user });
        }
    }
    if !contexts.contains(&config.current_context) {
        return Err(Refusal::NoContext(config.current_context));
    }
    for entry in &config.clusters {
        let server = &entry.cluster.server;
        let host = server.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || host.starts_with([':', '/']) {
            return Err(Refusal::NotHttps(server.clone()));
        }
        // A URL may carry a user and a password before its host.
        if host.split('/').next().is_some_and(|authority| authority.contains('@')) {
            return Err(Refusal::Secret("server".to_owned()));
        }
        let pem = STANDARD.decode(&entry.cluster.certificate_authority_data).unwrap_or_default();
        if !pem.starts_with(b"-----BEGIN CERTIFICATE-----") {
            return Err(Refusal::NoAuthority(server.clone()));
        }
        if String::from_utf8_lossy(&pem).contains("PRIVATE KEY") {
            return Err(Refusal::Secret("certificate-authority-data".to_owned()));
        }
    }
    for entry in &config.users {
        check_user(&entry.name, &entry.user)?;
    }
    Ok(config)
}

fn check_user(name: &str, user: &User) -> Result<(), Refusal> {
    let certificate = user.client_certificate.is_some() && user.client_key.is_some();
    let ways = usize::from(certificate) + usize::from(user.exec.is_some());
    if ways != 1 || user.client_certificate.is_some() != user.client_key.is_some() {
        return Err(Refusal::Ways(name.to_owned(), ways));
    }
    match &user.exec {
        Some(exec) if exec.api_version != "client.authentication.k8s.io/v1" => {
            Err(Refusal::Protocol(name.to_owned(), exec.api_version.clone()))
        }
        _ => Ok(()),
    }
}

fn names<'c>(list: impl Iterator<Item = &'c String>) -> Result<BTreeSet<String>, Refusal> {
    let mut seen = BTreeSet::new();
    for name in list {
        if !seen.insert(name.clone()) {
            return Err(Refusal::SameName(name.clone()));
        }
    }
    Ok(seen)
}

fn secret_key(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, inner)| {
            if SECRET_KEYS.contains(&key.as_str()) { Some(key.clone()) } else { secret_key(inner) }
        }),
        Value::Array(items) => items.iter().find_map(secret_key),
        _ => None,
    }
}
