//! One slot.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A way to open the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotKind {
    /// A passphrase that a person types.
    Passphrase,
    /// A sheet that a person types from.
    Paper,
    /// A file that lies beside: labs only.
    File,
    /// A TPM 2.0 in the state in which it was sealed.
    Tpm2,
    /// A token that speaks PKCS#11.
    Pkcs11,
}

impl SlotKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Passphrase, Self::Paper, Self::File, Self::Tpm2, Self::Pkcs11];

    /// The name as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::Paper => "paper",
            Self::File => "file",
            Self::Tpm2 => "tpm2",
            Self::Pkcs11 => "pkcs11",
        }
    }

    /// Whether it opens without a person.
    #[must_use]
    pub const fn unattended(self) -> bool {
        matches!(self, Self::File | Self::Tpm2)
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a slot needs to know to be opened. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Method {
    /// The age file is encrypted with the passphrase.
    Passphrase,
    /// The age file is encrypted to the key on the sheet.
    Paper {
        /// Its public half, which also tells sheets apart.
        recipient: String,
    },
    /// The age file is encrypted to the key in a file.
    File {
        /// Where it lies.
        path: PathBuf,
    },
    /// The age file is encrypted to a key that is sealed in the TPM.
    Tpm2 {
        /// Public part of the sealed object, as the TPM marshals it, in base64.
        public: String,
        /// Private part, encrypted by the TPM, in base64.
        private: String,
        /// The registers that it is bound to, of the SHA-256 bank.
        pcrs: Vec<u8>,
    },
    /// The age file is encrypted to a key that the token can decrypt.
    Pkcs11 {
        /// The module that speaks to the token.
        module: PathBuf,
        /// Label of the token.
        token: String,
        /// Label of the key on it.
        key: String,
        /// What only the token can decrypt, in base64.
        wrapped: String,
    },
}

impl Method {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> SlotKind {
        match self {
            Self::Passphrase => SlotKind::Passphrase,
            Self::Paper { .. } => SlotKind::Paper,
            Self::File { .. } => SlotKind::File,
            Self::Tpm2 { .. } => SlotKind::Tpm2,
            Self::Pkcs11 { .. } => SlotKind::Pkcs11,
        }
    }
}

/// A slot: the key, encrypted in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// Its number, never used twice.
    pub id: u32,
    /// What people call it.
    pub label: String,
    /// Whether it is kept off the machine, for the day on which the machine is lost.
    pub recovery: bool,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was last seen to open.
    pub tested: Option<u64>,
    /// How it opens.
    pub method: Method,
    /// The key, as an age file.
    pub sealed: String,
}

impl Slot {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> SlotKind {
        self.method.kind()
    }
}
