//! Reading a kubeconfig as kubectl does, and as somebody who looks for secrets.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Document;
use serde_json::Value;
use thiserror::Error;
use url::Url;

use crate::config::{Config, Exec, User};

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
    /// A user with a program without a name.
    #[error("has a user `{0}` whose program has no name (`command`)")]
    NoProgram(String),
    /// A program that kubectl would not start.
    #[error(
        "has a user `{0}` with `interactiveMode: {1}`; kubectl knows `Never`, `IfAvailable` and `Always`"
    )]
    InteractiveMode(String, String),
}

/// Keys whose value is a secret by itself.
const SECRET_KEYS: [&str; 4] = ["client-key-data", "token", "password", "auth-provider"];

/// Arguments of `kubectl oidc-login` whose value is a secret, and which every process can see besides.
const SECRET_ARGUMENTS: [&str; 2] = ["--oidc-client-secret", "--password"];

const END_OF_CERTIFICATE: &str = "-----END CERTIFICATE-----";

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
        check_server(server)?;
        let pem = STANDARD.decode(&entry.cluster.certificate_authority_data).unwrap_or_default();
        let pem = String::from_utf8(pem).unwrap_or_default();
        if pem.contains("PRIVATE KEY") {
            return Err(Refusal::Secret("certificate-authority-data".to_owned()));
        }
        if !holds_certificates(&pem) {
            return Err(Refusal::NoAuthority(server.clone()));
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
    user.exec.as_ref().map_or(Ok(()), |exec| check_exec(name, exec))
}

fn check_exec(name: &str, exec: &Exec) -> Result<(), Refusal> {
    if exec.api_version != "client.authentication.k8s.io/v1" {
        return Err(Refusal::Protocol(name.to_owned(), exec.api_version.clone()));
    }
    if exec.command.is_empty() {
        return Err(Refusal::NoProgram(name.to_owned()));
    }
    if !["Never", "IfAvailable", "Always"].contains(&exec.interactive_mode.as_str()) {
        return Err(Refusal::InteractiveMode(name.to_owned(), exec.interactive_mode.clone()));
    }
    let flag = |argument: &String| argument.split('=').next().unwrap_or_default().to_owned();
    match exec.args.iter().map(flag).find(|flag| SECRET_ARGUMENTS.contains(&flag.as_str())) {
        Some(flag) => Err(Refusal::Secret(flag)),
        None => Ok(()),
    }
}

fn check_server(server: &str) -> Result<(), Refusal> {
    let refused = || Refusal::NotHttps(server.to_owned());
    // What browsers mend, `https:host` and `https:///host`, client-go takes for a URL without a host.
    let rest = server.strip_prefix("https://").ok_or_else(refused)?;
    if rest.starts_with(['/', '\\']) {
        return Err(refused());
    }
    let url = Url::parse(server).map_err(|_| refused())?;
    // A URL may carry a user and a password before its host.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Secret("server".to_owned()));
    }
    Ok(())
}

/// One certificate or more and nothing else, each whole: client-go says of anything else only that it cannot load it.
fn holds_certificates(pem: &str) -> bool {
    let mut blocks = pem.trim_end().split_inclusive(END_OF_CERTIFICATE).peekable();
    blocks.peek().is_some()
        && blocks.all(|block| {
            Document::from_pem(block.trim_start()).is_ok_and(|(label, _)| label == "CERTIFICATE")
        })
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
