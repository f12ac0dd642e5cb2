//! Public keys: age recipients and SSH keys. No private key has a type here.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::{ParseError, text_type};

/// A recipient of age: `age1…`, the public half of an X25519 identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgeRecipient(String);

impl AgeRecipient {
    /// The recipient as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgeRecipient {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            // The value must not be repeated in a message that may end in a log.
            return Err(ParseError::new(
                "AGE-SECRET-KEY-…",
                "is a private key, and must now be considered public",
                "make a new identity, and write its public half here: `age-keygen -y FILE`",
            ));
        }
        age::x25519::Recipient::from_str(text).map(|r| Self(r.to_string())).map_err(|reason| {
            ParseError::new(
                text,
                format!("is not an age recipient ({reason})"),
                "write the line that `age-keygen -y FILE` prints, `age1` and 58 characters",
            )
        })
    }
}

impl fmt::Display for AgeRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(
    AgeRecipient,
    pattern: "^age1[02-9ac-hj-np-z]{58}$",
    example: "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
);

/// The algorithms of SSH keys that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `ssh-ed25519`
    Ed25519,
    /// `ssh-rsa`
    Rsa,
    /// `ecdsa-sha2-nistp256`, `-nistp384`, `-nistp521`
    Ecdsa,
    /// `sk-ssh-ed25519@openssh.com`, `sk-ecdsa-sha2-nistp256@openssh.com`
    SecurityKey,
}

impl KeyKind {
    /// Whether age can encrypt to such a key. It derives an encryption key from Ed25519 and RSA keys only; for
    /// ECDSA and for security keys (which sign, and nothing else) it has no way to.
    #[must_use]
    pub const fn age_can_encrypt(self) -> bool {
        matches!(self, Self::Ed25519 | Self::Rsa)
    }
}

/// A public key as in `authorized_keys`: algorithm and key, the comment dropped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SshPublicKey {
    kind: KeyKind,
    text: String,
}

impl SshPublicKey {
    /// The key as text, without comment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its algorithm.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }
}

impl FromStr for SshPublicKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fix = "write the first two fields of the `.pub` file, like `ssh-ed25519 AAAA…`";
        if text.contains("PRIVATE KEY") {
            return Err(ParseError::new(
                "BEGIN … PRIVATE KEY",
                "is a private key, and must now be considered public",
                "make a new key, and write its public half here",
            ));
        }
        let mut fields = text.split_ascii_whitespace();
        let (Some(algorithm), Some(blob)) = (fields.next(), fields.next()) else {
            return Err(ParseError::new(text, "is not an SSH public key", fix));
        };
        let kind = match algorithm {
            "ssh-ed25519" => KeyKind::Ed25519,
            "ssh-rsa" => KeyKind::Rsa,
            "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => KeyKind::Ecdsa,
            "sk-ssh-ed25519@openssh.com" | "sk-ecdsa-sha2-nistp256@openssh.com" => KeyKind::SecurityKey,
            _ => return Err(ParseError::new(text, "has an algorithm that OpenSSH does not know", fix)),
        };
        if STANDARD.decode(blob).is_ok_and(|bytes| is_whole(&bytes, algorithm)) {
            Ok(Self { kind, text: format!("{algorithm} {blob}") })
        } else {
            Err(ParseError::new(text, format!("is not a whole {algorithm} key"), fix))
        }
    }
}

/// Whether the blob is a sequence of fields, each with its length first, of which the first repeats the algorithm
/// (RFC 4253, section 6.6; PROTOCOL.u2f of OpenSSH): a key that was cut while it was copied is not.
fn is_whole(blob: &[u8], algorithm: &str) -> bool {
    let mut fields = Vec::new();
    let mut rest = blob;
    while !rest.is_empty() {
        let Some((length, after)) = rest.split_first_chunk::<4>() else { return false };
        let Some((field, after)) =
            usize::try_from(u32::from_be_bytes(*length)).ok().and_then(|n| after.split_at_checked(n))
        else {
            return false;
        };
        fields.push(field);
        rest = after;
    }
    let fields_fit = match algorithm {
        "ssh-ed25519" => matches!(fields.as_slice(), [_, key] if key.len() == 32),
        "sk-ssh-ed25519@openssh.com" => matches!(fields.as_slice(), [_, key, _] if key.len() == 32),
        "sk-ecdsa-sha2-nistp256@openssh.com" => fields.len() == 4,
        _ => fields.len() == 3,
    };
    fields_fit && fields.first() == Some(&algorithm.as_bytes())
}

impl fmt::Display for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_type!(
    SshPublicKey,
    pattern: "^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*",
    example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH1zsGkXr0yZ2v2LQ8bCM7HZ0AMTSLh6NQ5U8Pj6cQYX"
);
