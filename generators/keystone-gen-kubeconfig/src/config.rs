//! The file as kubectl reads it (`client-go`, package `clientcmd/api/v1`), as far as we write it.

use keystone_model::Login;
use serde::{Deserialize, Serialize};

/// A kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Always `v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// Always `Config`.
    pub kind: String,
    /// Servers.
    pub clusters: Vec<ClusterEntry>,
    /// Ways to prove who one is.
    pub users: Vec<UserEntry>,
    /// Pairs of the two.
    pub contexts: Vec<ContextEntry>,
    /// The pair that is used unless another is named.
    #[serde(rename = "current-context")]
    pub current_context: String,
}

/// A server with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterEntry {
    /// The name.
    pub name: String,
    /// The server.
    pub cluster: Cluster,
}

/// A user with their name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// The name.
    pub name: String,
    /// The user.
    pub user: User,
}

/// A pair with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextEntry {
    /// The name.
    pub name: String,
    /// The pair.
    pub context: Context,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cluster {
    /// Its URL.
    pub server: String,
    /// Certificates that may sign its own, PEM in base64.
    pub certificate_authority_data: String,
}

/// A way to prove who one is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct User {
    /// A certificate, by path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Its key, by path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    /// A program that fetches a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
}

/// A program that fetches a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Exec {
    /// Version of the protocol with it.
    pub api_version: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Whether it may ask on the terminal.
    pub interactive_mode: String,
    /// What kubectl says where the program is missing.
    pub install_hint: String,
}

/// A pair of server and user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Name of the server.
    pub cluster: String,
    /// Name of the user.
    pub user: String,
}

impl Config {
    /// One user at each of these servers; the first is the one that is used.
    #[must_use]
    pub fn new(
        current: &str,
        servers: &[(String, String)],
        authority: &str,
        user_name: &str,
        user: User,
    ) -> Self {
        let clusters = servers
            .iter()
            .map(|(name, server)| ClusterEntry {
                name: name.clone(),
                cluster: Cluster { server: server.clone(), certificate_authority_data: authority.to_owned() },
            })
            .collect();
        let contexts = servers
            .iter()
            .map(|(name, _)| ContextEntry {
                name: name.clone(),
                context: Context { cluster: name.clone(), user: user_name.to_owned() },
            })
            .collect();
        Self {
            api_version: "v1".to_owned(),
            kind: "Config".to_owned(),
            clusters,
            users: vec![UserEntry { name: user_name.to_owned(), user }],
            contexts,
            current_context: current.to_owned(),
        }
    }
}

impl User {
    /// By certificate and key, both by path.
    #[must_use]
    pub fn certificate(certificate: &str, key: &str) -> Self {
        Self {
            client_certificate: Some(certificate.to_owned()),
            client_key: Some(key.to_owned()),
            exec: None,
        }
    }

    /// By a program.
    #[must_use]
    pub fn exec(exec: Exec) -> Self {
        Self { exec: Some(exec), ..Self::default() }
    }
}

impl Exec {
    /// Login of a person at an issuer of `OpenID` Connect.
    #[must_use]
    pub fn oidc_login(login: &Login) -> Self {
        Self {
            api_version: "client.authentication.k8s.io/v1".to_owned(),
            command: "kubectl".to_owned(),
            args: vec![
                "oidc-login".to_owned(),
                "get-token".to_owned(),
                format!("--oidc-issuer-url={}", login.issuer),
                format!("--oidc-client-id={}", login.client_id),
                "--oidc-extra-scope=email".to_owned(),
                format!("--oidc-extra-scope={}", login.groups_claim),
            ],
            interactive_mode: "IfAvailable".to_owned(),
            install_hint: "kubectl needs the plugin oidc-login (kubelogin): install it as `kubelogin-oidc`"
                .to_owned(),
        }
    }
}
