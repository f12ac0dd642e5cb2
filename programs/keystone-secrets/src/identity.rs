//! Whose private keys are at hand: age identities, SSH keys, handles of plugins, from files.

use std::fs;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::secrecy::{ExposeSecret as _, SecretString};
use age::{Decryptor, Identity};
use age_core::format::Stanza;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::plugin::{self, Handle, Opened};

/// Asks a person for what opens an identity.
pub trait Ask {
    /// The passphrase of a file, or nothing where nobody can be asked.
    fn passphrase(&self, file: &Path) -> Option<SecretString>;
    /// Tells something that a person has to do, such as to touch a key.
    fn tell(&self, message: &str);
    /// Something that a plugin wants to know; secret or not.
    fn answer(&self, question: &str) -> Option<SecretString>;
}

type Key = Box<dyn Identity + Send + Sync>;

/// Identities, read once for all files.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Key>,
    public: Vec<String>,
    handles: Vec<Handle>,
    opened: Opened,
}

impl Keyring {
    /// Reads identities from files; without any, from where people have them.
    ///
    /// # Errors
    /// When a file that was named cannot be read or holds no identity, or none is to be found.
    pub fn read(files: &[PathBuf], ask: &dyn Ask) -> Result<Self, Error> {
        let mut keyring = Self::default();
        for file in files {
            keyring.add(file, ask)?;
        }
        if files.is_empty() {
            let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
            for usual in [".config/age/keystone-admin.txt", ".ssh/id_ed25519", ".ssh/id_rsa"] {
                let file = home.join(usual);
                if file.is_file() {
                    keyring.add(&file, ask)?;
                }
            }
        }
        if keyring.keys.is_empty() && keyring.handles.is_empty() {
            return Err(Error::NoIdentity);
        }
        Ok(keyring)
    }

    /// All of them.
    pub fn identities(&self) -> impl Iterator<Item = &dyn Identity> {
        let opened: &dyn Identity = &self.opened;
        self.keys.iter().map(|key| -> &dyn Identity { key.as_ref() }).chain(std::iter::once(opened))
    }

    /// The public halves, as rules name them; of plugins they are not known.
    #[must_use]
    pub fn public(&self) -> &[String] {
        &self.public
    }

    /// Whether a file with these recipients has to open for this keyring; a plugin's recipients are not known.
    #[must_use]
    pub fn is_among(&self, recipients: &[String]) -> bool {
        recipients.iter().any(|key| self.public.contains(key))
    }

    /// Whether plugins are asked.
    #[must_use]
    pub fn has_plugins(&self) -> bool {
        !self.handles.is_empty()
    }

    /// Lets plugins open what nothing else here opens: one process of each for all files.
    ///
    /// # Errors
    /// When a plugin cannot be started, or does not keep to the protocol.
    pub fn prepare<'a>(&mut self, files: impl Iterator<Item = &'a [u8]>, ask: &dyn Ask) -> Result<(), Error> {
        if self.handles.is_empty() {
            return Ok(());
        }
        // Nobody is asked for a touch that is not needed.
        let files: Vec<Vec<Stanza>> = files
            .map(plugin::stanzas)
            .filter(|stanzas| !stanzas.is_empty() && !self.opens(stanzas))
            .collect();
        if files.is_empty() {
            return Ok(());
        }
        self.opened.learn(&self.handles, &files, ask)
    }

    fn opens(&self, stanzas: &[Stanza]) -> bool {
        self.identities().any(|identity| matches!(identity.unwrap_stanzas(stanzas), Some(Ok(_))))
    }

    fn add(&mut self, file: &Path, ask: &dyn Ask) -> Result<(), Error> {
        let failed = |reason: String| Error::Identity { path: file.to_owned(), reason };
        let bytes = Zeroizing::new(fs::read(file).map_err(|error| failed(error.to_string()))?);
        if bytes.starts_with(b"-----BEGIN ") && !bytes.starts_with(b"-----BEGIN AGE") {
            return self.add_ssh(file, &bytes, ask);
        }
        if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE") {
            let decryptor = Decryptor::new_buffered(ArmoredReader::new(BufReader::new(bytes.as_slice())))
                .map_err(|error| failed(error.to_string()))?;
            if !decryptor.is_scrypt() {
                return Err(failed("it is encrypted, and not with a passphrase".to_owned()));
            }
            let passphrase = ask
                .passphrase(file)
                .ok_or_else(|| failed("it wants a passphrase, and nobody can be asked".to_owned()))?;
            let identity = age::scrypt::Identity::new(passphrase);
            let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
            decryptor
                .decrypt(std::iter::once(&identity as &dyn Identity))
                .map_err(|error| failed(error.to_string()))?
                .read_to_end(&mut text)
                .map_err(|error| failed(error.to_string()))?;
            return self.add_lines(file, &text);
        }
        self.add_lines(file, &bytes)
    }

    fn add_lines(&mut self, file: &Path, bytes: &[u8]) -> Result<(), Error> {
        let failed = |reason: &str| Error::Identity { path: file.to_owned(), reason: reason.to_owned() };
        let text = std::str::from_utf8(bytes).map_err(|_| failed("it is no text"))?;
        let mut found = false;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with("AGE-PLUGIN-") {
                self.handles
                    .push(Handle::parse(line).ok_or_else(|| failed("a handle of a plugin is damaged"))?);
            } else {
                let identity: age::x25519::Identity =
                    line.parse().map_err(|_| failed("a line in it is no identity of age"))?;
                self.public.push(identity.to_public().to_string());
                self.keys.push(Box::new(identity));
            }
            found = true;
        }
        if found { Ok(()) } else { Err(failed("there is no identity in it")) }
    }

    fn add_ssh(&mut self, file: &Path, bytes: &[u8], ask: &dyn Ask) -> Result<(), Error> {
        let failed = |reason: String| Error::Identity { path: file.to_owned(), reason };
        let read = age::ssh::Identity::from_buffer(bytes, Some(file.display().to_string()))
            .map_err(|error| failed(error.to_string()))?;
        // The public half lies open in either form.
        if let Ok(key) = ssh_key::PrivateKey::from_openssh(bytes)
            && let Ok(text) = key.public_key().to_openssh()
        {
            self.public.push(crate::rules::plain_key(&text));
        }
        let key = match read {
            age::ssh::Identity::Encrypted(key) => {
                let passphrase = ask
                    .passphrase(file)
                    .ok_or_else(|| failed("it wants a passphrase, and nobody can be asked".to_owned()))?;
                let key = key
                    .decrypt(passphrase)
                    .map_err(|_| failed("the passphrase is another one".to_owned()))?;
                age::ssh::Identity::from(key)
            }
            age::ssh::Identity::Unsupported(_) => {
                return Err(failed("age decrypts with ssh-ed25519 and ssh-rsa only".to_owned()));
            }
            plain @ age::ssh::Identity::Unencrypted(_) => plain,
        };
        self.keys.push(Box::new(key));
        Ok(())
    }
}

/// Nobody is there to be asked.
pub struct Nobody;

impl Ask for Nobody {
    fn passphrase(&self, _: &Path) -> Option<SecretString> {
        None
    }

    fn tell(&self, _: &str) {}

    fn answer(&self, _: &str) -> Option<SecretString> {
        None
    }
}

/// A secret's text.
pub fn exposed(secret: &SecretString) -> &str {
    secret.expose_secret()
}
