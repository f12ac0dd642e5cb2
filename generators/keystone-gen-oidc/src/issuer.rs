//! The issuer's URL, as kube-apiserver writes it into tokens and AWS takes it as a provider.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;
use url::{Host, Url};

/// Most characters of a provider's URL (IAM, `CreateOpenIDConnectProvider`).
pub const MAX_CHARACTERS: usize = 255;

/// Names that public DNS never resolves: AWS could not fetch anything from them.
const PRIVATE_ZONES: [&str; 4] = ["local", "internal", "localhost", "home.arpa"];

/// The URL of the issuer: https, a public host, no port, and a path that means the same to everyone.
///
/// Relying parties compare issuers byte by byte, so only the one spelling that every URL library keeps is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Issuer {
    url: String,
}

/// Why a URL is no issuer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the issuer `{url}` {reason}; {fix}")]
pub struct IssuerError {
    /// The URL.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would be right.
    pub fix: &'static str,
}

impl Issuer {
    /// The URL, without a final slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The URL without its scheme: `oidc.keystone.example/production`. It stands in the provider's ARN, and before
    /// `:sub` and `:aud` in trust policies.
    #[must_use]
    pub fn host_and_path(&self) -> &str {
        self.url.strip_prefix("https://").unwrap_or(&self.url)
    }
}

impl FromStr for Issuer {
    type Err = IssuerError;

    fn from_str(text: &str) -> Result<Self, IssuerError> {
        match judge(text) {
            Ok(()) => Ok(Self { url: text.to_owned() }),
            Err((reason, fix)) => Err(IssuerError { url: hide_password(text), reason, fix }),
        }
    }
}

impl TryFrom<String> for Issuer {
    type Error = IssuerError;

    fn try_from(text: String) -> Result<Self, IssuerError> {
        text.parse()
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn judge(text: &str) -> Result<(), (String, &'static str)> {
    const LIKE: &str = "write one like `https://oidc.keystone.example/production`";
    let refuse = |reason: &str, fix| Err((reason.to_owned(), fix));
    let Ok(url) = Url::parse(text) else { return refuse("is not a URL", LIKE) };
    if url.scheme() != "https" {
        return refuse("is not an https URL", "AWS fetches the documents over https only");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("carries a user name or password", "leave it out: everyone reads the issuer");
    }
    // `url.port()` is silent about a written `:443`, which IAM refuses as well.
    if url.port().is_some() || text.split('/').nth(2).is_some_and(|host| host.ends_with(":443")) {
        return refuse("has a port", "serve its documents on 443 and write no port");
    }
    if url.query().is_some() {
        return refuse("has a query", "write only host and path");
    }
    if url.fragment().is_some() {
        return refuse("has a fragment", "write only host and path");
    }
    let Some(Host::Domain(host)) = url.host() else {
        return refuse("has an address for a host", "take a name that public DNS knows");
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // A final dot would name the same host and be another issuer.
    if !host.split('.').all(label) {
        return refuse(
            "has a host that is no domain name",
            "write labels of letters, digits and hyphens, without a final dot",
        );
    }
    if !host.contains('.') {
        return refuse("has a host without a domain", "take a name that public DNS knows");
    }
    let within = |zone: &&&str| host.strip_suffix(**zone).is_some_and(|rest| rest.ends_with('.'));
    if let Some(zone) = PRIVATE_ZONES.iter().find(within) {
        return Err((
            format!("lies in `.{zone}`, which public DNS does not know"),
            "AWS fetches its documents from the Internet: take a public name, such as that of a bucket; only public \
             keys lie there",
        ));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    if !url.path().bytes().all(plain) || url.path().contains("//") {
        return refuse(
            "has a path that not everyone reads alike",
            "use letters, digits and `-._~` in each part of the path",
        );
    }
    let normal = if url.path() == "/" { url.as_str().trim_end_matches('/') } else { url.as_str() };
    if text.ends_with('/') {
        return refuse("ends with a slash", "leave it out: issuers are compared byte by byte");
    }
    if text != normal {
        return Err((
            format!("is read as `{normal}`"),
            "write it that way: issuers are compared byte by byte",
        ));
    }
    if text.len() > MAX_CHARACTERS {
        return Err((format!("has {} characters", text.len()), "IAM takes at most 255"));
    }
    Ok(())
}

/// A password in a URL is not repeated in a message.
fn hide_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            // Fails only for URLs that cannot have a password, which this one has.
            let _ = url.set_password(Some("..."));
            url.to_string()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(url: &str, message: &str) {
        assert_eq!(url.parse::<Issuer>().unwrap_err().to_string(), message);
    }

    #[test]
    fn a_public_url_is_taken_as_it_stands() {
        for (url, rest) in [
            ("https://oidc.keystone.example", "oidc.keystone.example"),
            (
                "https://bucket.s3.eu-central-1.amazonaws.com/c/1_a~b",
                "bucket.s3.eu-central-1.amazonaws.com/c/1_a~b",
            ),
        ] {
            let issuer: Issuer = url.parse().unwrap();
            assert_eq!((issuer.as_str(), issuer.host_and_path()), (url, rest));
        }
    }

    #[test]
    fn the_longest_url_has_255_characters() {
        let of = |n: usize| format!("https://oidc.keystone.example/{}", "a".repeat(n - 30));
        assert!(of(255).parse::<Issuer>().is_ok());
        let error = of(256).parse::<Issuer>().unwrap_err();
        assert_eq!(error.reason, "has 256 characters");
    }

    #[test]
    fn a_password_is_not_repeated() {
        refused(
            "https://user:hunter2@oidc.keystone.example",
            "the issuer `https://user:...@oidc.keystone.example/` carries a user name or password; leave it out: everyone \
             reads the issuer",
        );
    }

    proptest! {
        /// What is accepted can be compared, joined with a path and put into an ARN as it stands.
        #[test]
        fn an_accepted_url_has_one_reading(
            url in r"https://[a-c0-9.A:@/?#%*_-]{0,6}[a-c]\.example(/[a-c/.~%:?#*]{0,4}[a-c])?[./]?"
        ) {
            if let Ok(issuer) = url.parse::<Issuer>() {
                prop_assert_eq!(issuer.as_str(), &url);
                let parsed = Url::parse(&url).unwrap();
                prop_assert_eq!(parsed.as_str().trim_end_matches('/'), &url);
                let rest = issuer.host_and_path();
                prop_assert!(!rest.contains([':', '@', '?', '#', '*', '%']) && !rest.ends_with('/'), "{}", rest);
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                prop_assert!(host.contains('.') && !host.ends_with('.') && host == host.to_lowercase(), "{}", host);
                prop_assert!(path.split('/').all(|part| part != "." && part != ".."), "{}", path);
            }
        }
    }

    #[test]
    fn only_the_normal_spelling_is_taken() {
        for (url, normal) in [
            ("https://OIDC.keystone.example", "https://oidc.keystone.example"),
            ("https://oidc.keystone.example/a/../b", "https://oidc.keystone.example/b"),
            ("HTTPS://oidc.keystone.example", "https://oidc.keystone.example"),
        ] {
            let error = url.parse::<Issuer>().unwrap_err();
            assert_eq!(error.reason, format!("is read as `{normal}`"));
        }
        for url in ["https://oidc.keystone.example/", "https://oidc.keystone.example/a/"] {
            assert_eq!(url.parse::<Issuer>().unwrap_err().reason, "ends with a slash");
        }
    }
}
