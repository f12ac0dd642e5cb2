//! A custodian's part: its share times the point, and the proof that it was its share.
//!
//! The proof is that of Chaum and Pedersen for equal discrete logarithms, made non-interactive with SHA-512 (Fiat, Shamir),
//! over everything that it is about: the group, the member, the stanza's point, the result.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest as _, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

use super::header::Point;
use crate::group::codec::{self, Kind};
use crate::group::{DecodeError, Decryption, Group, GroupError, Member, Share, polynomial};

const CHALLENGE: &[u8] = b"keystone threshold age proof v1";
const NONCE: &[u8] = b"keystone threshold age nonce v1";

/// Why there is no partial decryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PartialError {
    /// The share is not of the group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The share cannot be read, which it could when it was made.
    #[error("the share of {0} is damaged")]
    Damaged(Member),
}

/// A custodian's part of opening one stanza. Together with `k - 1` others it opens the file: encrypt it to whoever asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Partial {
    pub(super) product: EdwardsPoint,
    challenge: Scalar,
    response: Scalar,
}

/// Multiplies the point by the share.
///
/// # Errors
/// When the share is not of the group.
pub fn partial(
    share: &Share<Decryption>,
    group: &Group<Decryption>,
    point: &Point,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Partial, PartialError> {
    share.check(group)?;
    let member = share.member();
    let secret = share.scalar().ok_or(PartialError::Damaged(member))?;
    let verifying = group.verifying_share(member).ok_or(GroupError::OtherGroup)?;
    let product = point.lifted * *secret;
    // The nonce depends on the share and on what is proven too: a random number generator that repeats itself does not
    // give the share away.
    let mut random = Zeroizing::new([0; 64]);
    rng.fill_bytes(random.as_mut());
    let nonce = Zeroizing::new(Scalar::from_hash(
        Sha512::new()
            .chain_update(NONCE)
            .chain_update(random.as_slice())
            .chain_update(Zeroizing::new(secret.to_bytes()).as_slice())
            .chain_update(group.public_key())
            .chain_update(point.share)
            .chain_update(product.compress().as_bytes()),
    ));
    let commitments = [EdwardsPoint::mul_base(&nonce), point.lifted * *nonce];
    let challenge = challenge(group, member, &verifying, point, &product, &commitments);
    let response = *nonce + challenge * *secret;
    Ok(Partial { product, challenge, response })
}

impl Partial {
    /// Whether `member` used its share of `group`, and this point.
    #[must_use]
    pub fn verify(&self, member: Member, group: &Group<Decryption>, point: &Point) -> bool {
        let Some(verifying) = group.verifying_share(member) else { return false };
        let commitments = [
            EdwardsPoint::mul_base(&self.response) - verifying * self.challenge,
            point.lifted * self.response - self.product * self.challenge,
        ];
        challenge(group, member, &verifying, point, &self.product, &commitments) == self.challenge
    }

    /// The partial as bytes, of at most 128.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(codec::seal::<Decryption>(Kind::PartialDecryption, &self.payload()))
    }

    fn payload(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(96));
        bytes.extend_from_slice(self.product.compress().as_bytes());
        bytes.extend_from_slice(self.challenge.as_bytes());
        bytes.extend_from_slice(self.response.as_bytes());
        bytes
    }

    /// Reads a partial.
    ///
    /// # Errors
    /// When the bytes are none, or its point is not of prime order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::canonical::<Decryption, Self>(
            Kind::PartialDecryption,
            bytes,
            |payload| {
                let (product, rest) = payload.split_at_checked(32)?;
                let (challenge, response) = rest.split_at_checked(32)?;
                Some(Self {
                    product: polynomial::point(product)?,
                    challenge: polynomial::scalar(challenge)?,
                    response: polynomial::scalar(response)?,
                })
            },
            |read| Some(read.payload()),
        )
    }
}

fn challenge(
    group: &Group<Decryption>,
    member: Member,
    verifying: &EdwardsPoint,
    point: &Point,
    product: &EdwardsPoint,
    commitments: &[EdwardsPoint; 2],
) -> Scalar {
    // Every part has a fixed length, so that no two lists of parts run together into one.
    let mut hash = Sha512::new();
    hash.update(CHALLENGE);
    hash.update(group.public_key());
    hash.update(member.number().to_be_bytes());
    for part in [verifying, &point.lifted, product, &commitments[0], &commitments[1]] {
        hash.update(part.compress().as_bytes());
    }
    Scalar::from_hash(hash)
}
