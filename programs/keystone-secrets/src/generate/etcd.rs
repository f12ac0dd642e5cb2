//! What encrypts Secrets in etcd: a list of keys, of which the first encrypts and all decrypt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::memory::Plain;

/// A new key, after the others: it decrypts and does not encrypt yet.
///
/// # Errors
/// When the secret is no `EncryptionConfiguration` with keys.
pub fn add(old: &Plain, date: &str, require_lock: bool) -> Result<Plain, Error> {
    let mut secret = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(secret.as_mut_slice()).map_err(|_| Error::Random)?;
    changed(old, require_lock, |keys| {
        let name =
            super::free_name(&format!("key-{date}"), |name| keys.iter().any(|key| key["name"] == name));
        keys.push(json!({ "name": name, "secret": STANDARD.encode(secret.as_slice()) }));
        true
    })
}

/// The last key becomes the first: it encrypts.
///
/// # Errors
/// As [`add`]; and when there is one key only.
pub fn promote(old: &Plain, require_lock: bool) -> Result<Plain, Error> {
    changed(old, require_lock, |keys| {
        keys.rotate_right(1);
        keys.len() > 1
    })
}

/// Only the first key stays.
///
/// # Errors
/// As [`promote`].
pub fn drop_old(old: &Plain, require_lock: bool) -> Result<Plain, Error> {
    changed(old, require_lock, |keys| {
        let several = keys.len() > 1;
        keys.truncate(1);
        several
    })
}

fn changed(
    old: &Plain,
    require_lock: bool,
    change: impl FnOnce(&mut Vec<Value>) -> bool,
) -> Result<Plain, Error> {
    // What a parser says could hold a part of the secret.
    let refused = |reason: &str| {
        Error::Refused(format!("etcd-encryption {reason}; change it with `keystone-cluster secrets edit`"))
    };
    let text = std::str::from_utf8(old.bytes()).map_err(|_| refused("is no text"))?;
    let mut document: Value =
        serde_saphyr::from_str(text).map_err(|_| refused("is no EncryptionConfiguration"))?;
    let providers = document["resources"].as_array_mut().filter(|resources| resources.len() == 1);
    let providers = providers
        .and_then(|resources| resources.first_mut())
        .and_then(|first| first["providers"].as_array_mut());
    let keys = providers
        .into_iter()
        .flatten()
        .find_map(|provider| {
            ["aesgcm", "aescbc", "secretbox"]
                .into_iter()
                .find(|kind| provider[*kind]["keys"].is_array())
                .and_then(|kind| provider[kind]["keys"].as_array_mut())
        })
        .ok_or_else(|| refused("has no list of keys that is known here"))?;
    if !change(keys) {
        return Err(refused("has one key only, and no rotation is under way"));
    }
    // JSON is YAML.
    let text =
        Zeroizing::new(serde_json::to_vec_pretty(&document).map_err(|_| refused("cannot be written"))?);
    Plain::of(&text, require_lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n  - resources: [secrets]\n    \
        providers:\n      - aesgcm:\n          keys:\n            - name: first\n              secret: c2VjcmV0\n      - identity: {}\n";

    fn names(plain: &Plain) -> Vec<String> {
        let value: Value = serde_json::from_slice(plain.bytes()).unwrap();
        assert_eq!(value["resources"][0]["providers"][1]["identity"], json!({}));
        let keys = value["resources"][0]["providers"][0]["aesgcm"]["keys"].as_array().unwrap();
        keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn there_is_never_a_moment_without_the_old_key() {
        let old = Plain::of(YAML.as_bytes(), false).unwrap();
        let added = add(&old, "2026-11-27", false).unwrap();
        assert_eq!(names(&added), ["first", "key-2026-11-27"]);
        let promoted = promote(&added, false).unwrap();
        assert_eq!(names(&promoted), ["key-2026-11-27", "first"]);
        let done = drop_old(&promoted, false).unwrap();
        assert_eq!(names(&done), ["key-2026-11-27"]);
        assert_eq!(names(&add(&done, "2026-11-27", false).unwrap()), ["key-2026-11-27", "key-2026-11-27-2"]);
        let error = promote(&done, false).unwrap_err().to_string();
        assert!(error.contains("one key only"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_not_repeated() {
        let plain = Plain::of(b"hush: [", false).unwrap();
        let error = add(&plain, "2026-11-27", false).unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}
