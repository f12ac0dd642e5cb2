//! Joining: a stranger with a token becomes a primer.
//!
//! Both sides prove that they know the token's secret without showing it: each sends an authentication code over what
//! only this connection has (the exporter), what was agreed, and both keys. The exporter alone would not do: it covers
//! the server's key and not the client's (RFC 8446, 7.5).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::node_key::{NodeKey, PublicKey, code, code_matches};
use crate::refusal::Refusal;
use crate::state::{Identity, Members};
use crate::store::Store;
use crate::token::{self, Token};

/// What the stranger sends.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JoinRequest {
    /// The cluster that it means.
    pub cluster: String,
    /// The token's number.
    pub token: String,
    /// What it wants to be.
    pub role: String,
    /// Its name.
    pub name: String,
    /// The proof.
    pub proof: Vec<u8>,
}

/// What it gets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Welcome {
    /// Who is there.
    pub members: Members,
    /// The proof of the other side; none where the token was used by this very key before.
    pub proof: Option<Vec<u8>>,
}

/// What both sides know of a joining.
pub struct Meeting<'a> {
    /// What only this connection has.
    pub exporter: [u8; 32],
    /// The stranger's key.
    pub joiner: &'a PublicKey,
    /// The key of the primer that is asked.
    pub target: &'a PublicKey,
}

impl Meeting<'_> {
    fn fields<'f>(
        &'f self,
        spki: &'f [Vec<u8>; 2],
        direction: &'f str,
        cluster: &'f str,
        what: [&'f str; 3],
    ) -> Vec<&'f [u8]> {
        let [token, role, name] = what;
        let [joiner, target] = spki;
        vec![
            direction.as_bytes(),
            self.exporter.as_slice(),
            cluster.as_bytes(),
            token.as_bytes(),
            role.as_bytes(),
            name.as_bytes(),
            joiner,
            target,
        ]
    }

    fn prove(&self, key: &[u8], direction: &str, cluster: &str, what: [&str; 3]) -> Vec<u8> {
        let spki = [self.joiner.spki(), self.target.spki()];
        code(key, &self.fields(&spki, direction, cluster, what))
    }

    fn holds(&self, key: &[u8], direction: &str, cluster: &str, what: [&str; 3], proof: &[u8]) -> bool {
        let spki = [self.joiner.spki(), self.target.spki()];
        code_matches(key, &self.fields(&spki, direction, cluster, what), proof)
    }
}

/// The stranger's first message.
pub fn ask(token: &Token, cluster: &str, name: &str, meeting: &Meeting<'_>) -> Result<JoinRequest, Refusal> {
    let key = token.key()?;
    let proof = meeting.prove(key.as_slice(), "joiner", cluster, [&token.id, &token.role, name]);
    Ok(JoinRequest {
        cluster: cluster.to_owned(),
        token: token.id.clone(),
        role: token.role.clone(),
        name: name.to_owned(),
        proof,
    })
}

/// The stranger believes the answer, or not.
pub fn believe(
    token: &Token,
    cluster: &str,
    name: &str,
    meeting: &Meeting<'_>,
    welcome: &Welcome,
) -> Result<(), Refusal> {
    let key = token.key()?;
    let what = [token.id.as_str(), token.role.as_str(), name];
    match &welcome.proof {
        // The pin was right, and the other side knows this key from the time when the token was used.
        None => Ok(()),
        Some(proof) if meeting.holds(key.as_slice(), "target", cluster, what, proof) => Ok(()),
        Some(_) => {
            Err(Refusal::new("the primer that answers does not know the token; nothing was taken from it")
                .fix("ask its operator for a new token: keystone-primer token create NAME"))
        }
    }
}

/// The primer decides. The token is used, on disk, before the answer leaves.
pub fn answer(
    store: &Store,
    identity: &Identity,
    own: &NodeKey,
    meeting: &Meeting<'_>,
    request: &JoinRequest,
    now: u64,
) -> Result<Option<Vec<u8>>, Refusal> {
    if request.cluster != identity.cluster {
        return Err(Refusal::new(format!(
            "this is the cluster {}, not {}",
            identity.cluster, request.cluster
        )));
    }
    let mut tokens = token::all(store)?;
    let again = "ask for a new one: keystone-primer token create NAME";
    let Some(kept) = tokens.iter_mut().find(|kept| kept.id == request.token) else {
        return Err(Refusal::new("the token is unknown here").fix(again));
    };
    if kept.role != request.role || kept.name != request.name {
        let message = format!(
            "the token is for {} as {}, not for {} as {}",
            kept.name, kept.role, request.name, request.role
        );
        return Err(Refusal::new(message).fix(again));
    }
    if let Some(user) = &kept.used {
        // The one whose answer was lost asks again, with the same key and no other.
        return if user == meeting.joiner {
            Ok(None)
        } else {
            Err(Refusal::new(format!("the token was used, by another {}", kept.name))
                .fix("if that was not you, somebody had the token: look at `keystone-primer status` before you go on"))
        };
    }
    if kept.revoked {
        return Err(Refusal::new("the token was revoked").fix(again));
    }
    if now >= kept.expiry {
        return Err(Refusal::new(format!("the token ended {} seconds ago", now - kept.expiry)).fix(again));
    }
    let key: Zeroizing<Vec<u8>> = kept
        .sealed
        .as_deref()
        .and_then(|sealed| own.open("token", sealed))
        .ok_or_else(|| Refusal::new("the token's key is damaged here").fix(again))?;
    let what = [request.token.as_str(), request.role.as_str(), request.name.as_str()];
    if !meeting.holds(&key, "joiner", &identity.cluster, what, &request.proof) {
        return Err(Refusal::new("the proof does not fit the token").fix(again));
    }
    kept.used = Some(meeting.joiner.clone());
    kept.sealed = None;
    token::save(store, &tokens)?;
    Ok(Some(meeting.prove(&key, "target", &identity.cluster, what)))
}

#[cfg(test)]
mod tests;
