//! Join tokens: who may become what, where, until when, and the secret that proves it, in one line that people can copy.
//!
//! ```text
//! ksj1.ID.SECRET.PIN.ROLE.NAME.EXPIRY.CHECK@ENDPOINT
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::node_key::{NodeKey, PublicKey, derive, hash, hex, random};
use crate::refusal::Refusal;
use crate::store::Store;

/// How long a primer may take to join.
pub const LIFE: u64 = 3600;
const FILE: &str = "tokens.json";

/// A token as its bearer has it.
pub struct Token {
    /// Its public number.
    pub id: String,
    secret: Zeroizing<[u8; 16]>,
    /// Pin of the primer that answers.
    pub pin: String,
    /// What the bearer may become.
    pub role: String,
    /// Under which name.
    pub name: String,
    /// Until when, in seconds since 1970.
    pub expiry: u64,
    /// Where to ask.
    pub endpoint: String,
}

impl Token {
    /// Reads a token.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let wrong = |reason: &str| {
            Refusal::new(format!("this is no join token: {reason}"))
                .fix("copy the whole line that `keystone-primer token create` printed")
        };
        let (front, endpoint) = text.trim().split_once('@').ok_or_else(|| wrong("it has no endpoint"))?;
        let fields: Vec<&str> = front.split('.').collect();
        let [mark, id, secret, pin, role, name, expiry, check] = fields.as_slice() else {
            return Err(wrong("it has not eight fields before the endpoint"));
        };
        if *mark != "ksj1" {
            return Err(wrong("it does not begin with ksj1"));
        }
        let covered = text.trim().replacen(&format!(".{check}@"), "@", 1);
        if check_of(&covered) != *check {
            return Err(wrong("a letter is missing or wrong"));
        }
        let bytes =
            Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).map_err(|_| wrong("its secret is damaged"))?);
        let secret = <[u8; 16]>::try_from(bytes.as_slice()).map_err(|_| wrong("its secret is damaged"))?;
        Ok(Self {
            id: (*id).to_owned(),
            secret: Zeroizing::new(secret),
            pin: (*pin).to_owned(),
            role: (*role).to_owned(),
            name: (*name).to_owned(),
            expiry: expiry.parse().map_err(|_| wrong("its expiry is damaged"))?,
            endpoint: endpoint.to_owned(),
        })
    }

    /// The line to copy. It is secret until it is used.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.as_slice()));
        let Self { id, pin, role, name, expiry, endpoint, .. } = self;
        let front = Zeroizing::new(format!("ksj1.{id}.{}.{pin}.{role}.{name}.{expiry}", secret.as_str()));
        let check = check_of(&Zeroizing::new(format!("{}@{endpoint}", front.as_str())));
        Zeroizing::new(format!("{}.{check}@{endpoint}", front.as_str()))
    }

    /// The key of both proofs.
    pub fn key(&self) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        derive(self.secret.as_slice(), "keystone join", &self.id)
    }
}

fn check_of(text: &str) -> String {
    hash(format!("keystone token {text}").as_bytes())[..6].to_owned()
}

/// A token as the primer that made it keeps it: never the secret, and the derived key only until it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its public number.
    pub id: String,
    /// What the bearer may become.
    pub role: String,
    /// Under which name.
    pub name: String,
    /// Until when.
    pub expiry: u64,
    /// The key, sealed; gone when the token was used or revoked.
    pub sealed: Option<String>,
    /// By whom it was used.
    pub used: Option<PublicKey>,
    /// Whether it was taken back.
    #[serde(default)]
    pub revoked: bool,
}

/// All tokens of a primer.
pub fn all(store: &Store) -> Result<Vec<Kept>, Refusal> {
    Ok(store.load(FILE)?.unwrap_or_default())
}

/// Writes the tokens.
pub fn save(store: &Store, tokens: &[Kept]) -> Result<(), Refusal> {
    store.save(FILE, &tokens)
}

/// Makes a token for a name; an earlier one for the same name that was not used is taken back.
pub fn create(
    store: &Store,
    key: &NodeKey,
    name: &str,
    endpoint: &str,
    life: u64,
    now: u64,
) -> Result<Token, Refusal> {
    let token = Token {
        id: hex(&random::<3>()?),
        secret: Zeroizing::new(random::<16>()?),
        pin: key.public().pin(),
        role: "primer".to_owned(),
        name: name.to_owned(),
        expiry: now + life,
        endpoint: endpoint.to_owned(),
    };
    let mut tokens = all(store)?;
    for earlier in tokens.iter_mut().filter(|kept| kept.name == name && kept.used.is_none()) {
        earlier.revoked = true;
        earlier.sealed = None;
    }
    tokens.push(Kept {
        id: token.id.clone(),
        role: token.role.clone(),
        name: token.name.clone(),
        expiry: token.expiry,
        sealed: Some(key.seal("token", token.key()?.as_slice())?),
        used: None,
        revoked: false,
    });
    save(store, &tokens)?;
    Ok(token)
}

/// Takes a token back.
pub fn revoke(store: &Store, id: &str) -> Result<(), Refusal> {
    let mut tokens = all(store)?;
    let Some(found) = tokens.iter_mut().find(|kept| kept.id == id) else {
        return Err(Refusal::new(format!("there is no token {id}")).fix("keystone-primer token list"));
    };
    if found.used.is_some() {
        return Err(Refusal::new(format!("token {id} was used by {} already", found.name)));
    }
    found.revoked = true;
    found.sealed = None;
    save(store, &tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token {
            id: "abc123".to_owned(),
            secret: Zeroizing::new([7; 16]),
            pin: "pin".to_owned(),
            role: "primer".to_owned(),
            name: "primer-2".to_owned(),
            expiry: 100,
            endpoint: "[2001:db8::1]:6443".to_owned(),
        }
    }

    #[test]
    fn is_one_line_that_reads_back() {
        let text = token().text();
        assert!(!text.contains(char::is_whitespace));
        let read = Token::parse(&format!(" {}\n", text.as_str())).unwrap();
        assert_eq!(read.text().as_str(), text.as_str());
        assert_eq!(read.endpoint, "[2001:db8::1]:6443");
    }

    #[test]
    fn a_letter_that_is_wrong_is_found_before_anything_is_sent() {
        let text = token().text();
        for at in 5..text.len() {
            let mut wrong = text.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert!(Token::parse(&wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "ksj1", "ksj1.a.b@c", "ksj2.abc123.x.pin.primer.primer-2.100.0@h:1"] {
            let error = Token::parse(wrong).err().unwrap().to_string();
            assert!(error.starts_with("this is no join token: "), "{error}");
        }
    }
}
