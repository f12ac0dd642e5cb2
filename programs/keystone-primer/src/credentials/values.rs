//! Keys that are no certificates, each in the form that its reader wants.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::certificate::Time;
use rand_core::OsRng;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use zeroize::Zeroizing;

use super::Places;
use super::files::Files;
use super::open::open;
use crate::clock;
use crate::node_key::{hex, random};
use crate::refusal::Refusal;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What encrypts Secrets in etcd.
    EtcdEncryption,
    /// What signs tokens of service accounts.
    OidcSigning,
    /// Headscale's key.
    HeadscaleNoise,
    /// Headscale's older key.
    HeadscalePrivate,
    /// The relays' key.
    HeadscaleDerp,
}

/// Every value.
pub const ALL: [Kind; 5] = [
    Kind::EtcdEncryption,
    Kind::OidcSigning,
    Kind::HeadscaleNoise,
    Kind::HeadscalePrivate,
    Kind::HeadscaleDerp,
];

/// Those that do not exist. One that does is never made anew here: what it protects would be lost.
pub fn missing(places: &Places) -> Vec<Kind> {
    ALL.into_iter().filter(|kind| !places.secrets.join(format!("{}.age", kind.file())).exists()).collect()
}

const KEYS: &str = "          keys:\n";

fn day(now: Time) -> String {
    let shown = clock::shown(u64::try_from(now.unix()).unwrap_or_default());
    shown.get(..10).unwrap_or("first").to_owned()
}

/// A key, as a line of the list.
fn etcd_key(now: Time) -> Result<Zeroizing<String>, Refusal> {
    let key = Zeroizing::new(STANDARD.encode(Zeroizing::new(random::<32>()?).as_slice()));
    let name = format!("key-{}-{}", day(now), hex(&random::<2>()?));
    Ok(Zeroizing::new(format!("            - name: {name}\n              secret: {}\n", key.as_str())))
}

/// Files of public keys that verify tokens.
fn public_keys(places: &Places) -> Vec<String> {
    let entries = fs::read_dir(places.trust.join("service-account")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "pub")).collect()
}

impl Kind {
    /// The file, without folder and ending.
    pub const fn file(self) -> &'static str {
        match self {
            Self::EtcdEncryption => "etcd-encryption",
            Self::OidcSigning => "oidc-signing",
            Self::HeadscaleNoise => "headscale-noise",
            Self::HeadscalePrivate => "headscale-private",
            Self::HeadscaleDerp => "headscale-derp",
        }
    }

    /// What it is for.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::EtcdEncryption => "encrypts Secrets in etcd",
            Self::OidcSigning => "signs tokens of service accounts",
            Self::HeadscaleNoise => "Headscale, as clients know it",
            Self::HeadscalePrivate => "nothing reads it any more; the specification lists it",
            Self::HeadscaleDerp => "the relays",
        }
    }

    /// Makes one that follows another, which somebody may know. What it encrypted can still be read.
    pub fn follow(self, files: &mut Files, places: &Places, now: Time) -> Result<(), Refusal> {
        let there = places.secrets.join(format!("{}.age", self.file())).exists();
        match self {
            Self::EtcdEncryption if there => {
                let before = open(self.file(), places)?;
                let (front, keys) = before.split_once(KEYS).ok_or_else(|| {
                    Refusal::new("secrets/etcd-encryption.age has no list of keys")
                        .fix("write it as `keystone-primer generate-credentials` does")
                })?;
                let text = Zeroizing::new(format!("{front}{KEYS}{}{keys}", etcd_key(now)?.as_str()));
                files.secret(self.file(), text.as_bytes())
            }
            Self::OidcSigning => {
                for name in public_keys(places) {
                    files.without(&format!("service-account/{name}"));
                }
                self.make(files, now)
            }
            _ => self.make(files, now),
        }
    }

    /// Makes it.
    pub fn make(self, files: &mut Files, now: Time) -> Result<(), Refusal> {
        match self {
            Self::EtcdEncryption => {
                // `identity` last: what is not encrypted yet can be read, and is never written so.
                let text = Zeroizing::new(format!(
                    "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n  - resources: [secrets]\n    \
                     providers:\n      - aesgcm:\n{KEYS}{}      - identity: {{}}\n",
                    etcd_key(now)?.as_str()
                ));
                files.secret(self.file(), text.as_bytes())
            }
            Self::OidcSigning => {
                let failed =
                    |error: &dyn std::fmt::Display| Refusal::new(format!("cannot make a key: {error}"));
                let key = rsa::RsaPrivateKey::new(&mut OsRng, 2048).map_err(|error| failed(&error))?;
                let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| failed(&error))?;
                let public =
                    key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|error| failed(&error))?;
                files.secret(self.file(), pem.as_bytes())?;
                // A second one of the same day has another name than the first, which may have to go.
                let name = format!("sa-{}-{}", day(now), hex(&random::<2>()?));
                files.trust(&format!("service-account/{name}.pub"), public);
                files.trust(
                    "trust.toml",
                    format!(
                        "# Which public key verifies service-account tokens, and where each is in its life: signing, published,\n\
                         # retiring (hosts/trust/README.md).\n\n[[serviceAccountKeys]]\nname = \"{name}\"\nstate = \"signing\"\n"
                    ),
                );
                Ok(())
            }
            // key.MachinePrivate of Tailscale: 32 bytes of X25519, clamped, in hexadecimal digits behind `privkey:`.
            Self::HeadscaleNoise | Self::HeadscalePrivate | Self::HeadscaleDerp => {
                let mut key = Zeroizing::new(random::<32>()?);
                key[0] &= 0b1111_1000;
                key[31] = (key[31] & 0b0111_1111) | 0b0100_0000;
                let text =
                    Zeroizing::new(format!("privkey:{}", Zeroizing::new(hex(key.as_slice())).as_str()));
                files.secret(self.file(), text.as_bytes())
            }
        }
    }
}
