//! The lock's signature, in the form of `ssh-keygen -Y sign`, which checks it too.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use crate::error::Error;
use crate::rules::plain_key;
use crate::signers::Signers;

/// What the signature is for: one over other things is none over a lock.
pub const NAMESPACE: &str = "keystone-secrets-lock";

/// What a signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is none: nobody vouches for the lock.
    Unauthenticated,
    /// Somebody who may signed.
    Signed {
        /// Their name in the inventory.
        by: String,
    },
    /// Somebody signed who may not.
    NotAllowed {
        /// Their public key.
        key: String,
    },
    /// It is none over this lock.
    Wrong(String),
}

/// Judges a signature over a lock.
#[must_use]
pub fn judge(lock: &[u8], signature: Option<&[u8]>, signers: &Signers) -> Standing {
    let Some(text) = signature else { return Standing::Unauthenticated };
    let signature = match SshSig::from_pem(text) {
        Ok(signature) => signature,
        Err(error) => return Standing::Wrong(format!("it cannot be read: {error}")),
    };
    // What says the same in other bytes is none that anybody signs with wrote.
    let canonical = signature.to_pem(LineEnding::LF).unwrap_or_default();
    if canonical.trim_end().as_bytes() != text.trim_ascii_end() {
        return Standing::Wrong("it is damaged: it reads otherwise than it is written".to_owned());
    }
    let key = PublicKey::from(signature.public_key().clone());
    if let Err(error) = key.verify(NAMESPACE, lock, &signature) {
        return Standing::Wrong(format!("it is not over this lock: {error}"));
    }
    let key = key.to_openssh().map(|text| plain_key(&text)).unwrap_or_default();
    match signers.name(&key) {
        Some(name) => Standing::Signed { by: name.to_owned() },
        None => Standing::NotAllowed { key },
    }
}

/// A key that signs.
pub struct Signer {
    file: PathBuf,
    key: Option<Box<PrivateKey>>,
    public: String,
}

impl Signer {
    /// Reads a private key of SSH, or a public one whose private half an agent or a security key has.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error::Sign { path: file.to_owned(), reason };
        let text =
            zeroize::Zeroizing::new(fs::read_to_string(file).map_err(|error| failed(error.to_string()))?);
        let openssh = |key: &PublicKey| key.to_openssh().map(|text| plain_key(&text));
        if text.starts_with("-----BEGIN") {
            let key = PrivateKey::from_openssh(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
            let public = openssh(key.public_key()).map_err(|error| failed(error.to_string()))?;
            // What only a passphrase opens, ssh-keygen asks for.
            let key = (!key.is_encrypted()).then(|| Box::new(key));
            return Ok(Self { file: file.to_owned(), key, public });
        }
        let key: PublicKey =
            text.trim().parse().map_err(|error: ssh_key::Error| failed(error.to_string()))?;
        let public = openssh(&key).map_err(|error| failed(error.to_string()))?;
        Ok(Self { file: file.to_owned(), key: None, public })
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Signs a lock.
    ///
    /// # Errors
    /// When the key cannot, or nobody lets it.
    pub fn sign(&self, lock: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |reason: String| Error::Sign { path: self.file.clone(), reason };
        if let Some(key) = &self.key
            && matches!(key.algorithm(), ssh_key::Algorithm::Ed25519 | ssh_key::Algorithm::Rsa { .. })
        {
            let signature =
                key.sign(NAMESPACE, HashAlg::Sha512, lock).map_err(|error| failed(error.to_string()))?;
            return signature
                .to_pem(LineEnding::LF)
                .map(|mut text| {
                    if !text.ends_with('\n') {
                        text.push('\n');
                    }
                    text.into_bytes()
                })
                .map_err(|error| failed(error.to_string()));
        }
        self.by_ssh_keygen(lock).map_err(|error| failed(error.to_string()))
    }

    /// ssh-keygen knows agents, passphrases and security keys. The lock goes through a pipe.
    fn by_ssh_keygen(&self, lock: &[u8]) -> io::Result<Vec<u8>> {
        let mut child = Command::new("ssh-keygen")
            .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
            .arg(&self.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(lock)?;
        }
        let done = child.wait_with_output()?;
        if done.status.success() {
            return Ok(done.stdout);
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(io::Error::other(said.trim().lines().last().unwrap_or("ssh-keygen failed").to_owned()))
    }
}
