//! Signing in two rounds.
//!
//! ```text
//! custodian: commit ── Commitment ──▶ ┌─────────────┐ ── all commitments ──▶ custodian: Nonces::sign
//!                                     │ coordinator │ ◀── PartialSignature ──
//!                                     └─────────────┘ ──▶ Ed25519 signature, verified
//! ```
//!
//! A custodian signs the message that it has itself: no message travels. [`Nonces`] live in memory only, are used up by
//! signing, and cannot be copied or written anywhere: two signatures with one nonce give the share away.

use std::collections::{BTreeMap, BTreeSet};

use frost_ed25519::keys::VerifyingShare;
use frost_ed25519::{SigningPackage, round1, round2};
use rand_core::{CryptoRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use super::codec::{self, Kind};
use super::rounds::by_identifier;
use super::{DecodeError, Group, GroupError, Member, Purpose as _, Share, Signing, Suite};

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignError {
    /// The share is not of the group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// Commitments of too few, or of somebody that the group does not have.
    #[error("{found} members of the group take part, and {needed} must")]
    TooFew {
        /// How many take part.
        found: usize,
        /// How many must.
        needed: u16,
    },
    /// The custodian's own commitment is not among those that it is to sign with, or is not the one that it made.
    #[error("the commitment of {0} is not the one that it made for this signature")]
    OtherCommitment(Member),
    /// The nonces are of another member's share.
    #[error("the nonces are those of {nonces}, and the share is that of {share}")]
    OtherMember {
        /// Who made the nonces.
        nonces: Member,
        /// Whose share it is.
        share: Member,
    },
    /// A partial signature of somebody who does not take part.
    #[error("{0} sent a partial signature and takes no part in this signature")]
    NotTakingPart(Member),
    /// A second, different partial signature.
    #[error("{0} sent two different partial signatures")]
    Twice(Member),
    /// A partial signature that does not verify: proof that the member is wrong.
    #[error("the partial signature of {0} does not verify; take another member in its place")]
    Liar(Member),
    /// Not all are there yet.
    #[error("partial signatures are missing, of {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Missing(Vec<Member>),
    /// The signature does not verify.
    #[error("the signature does not verify under the group's key")]
    Invalid,
    /// The protocol refuses.
    #[error("the protocol refuses: {0}")]
    Protocol(String),
}

fn refused(error: &frost_ed25519::Error) -> SignError {
    SignError::Protocol(error.to_string())
}

/// A custodian's nonces for one signature. Erased when dropped; neither copied, nor shown, nor written.
///
/// ```compile_fail
/// fn twice(nonces: &keystone_pki::group::sign::Nonces) -> keystone_pki::group::sign::Nonces {
///     nonces.clone()
/// }
/// ```
///
/// ```compile_fail
/// fn written(nonces: &keystone_pki::group::sign::Nonces) -> String {
///     format!("{nonces:?}")
/// }
/// ```
pub struct Nonces {
    nonces: round1::SigningNonces,
    member: Member,
}

/// What a custodian publishes of its nonces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment(round1::SigningCommitments);

/// A custodian's part of a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct PartialSignature(round2::SignatureShare);

/// Makes nonces for one signature, and what is published of them.
#[must_use]
pub fn commit(share: &Share<Signing>, rng: &mut (impl RngCore + CryptoRng)) -> (Nonces, Commitment) {
    let (nonces, commitment) = round1::commit(share.package().signing_share(), rng);
    (Nonces { nonces, member: share.member() }, Commitment(commitment))
}

impl Nonces {
    /// Signs `message`, which the custodian has rebuilt itself, together with all who committed. The nonces are gone
    /// afterwards, whatever comes out.
    ///
    /// # Errors
    /// When too few or strangers take part, or the custodian's own commitment is missing or another.
    pub fn sign(
        self,
        share: &Share<Signing>,
        group: &Group<Signing>,
        message: &[u8],
        commitments: &BTreeMap<Member, Commitment>,
    ) -> Result<PartialSignature, SignError> {
        share.check(group)?;
        if share.member() != self.member {
            return Err(SignError::OtherMember { nonces: self.member, share: share.member() });
        }
        check_members(group, commitments.keys())?;
        if commitments.get(&self.member).map(|c| &c.0) != Some(self.nonces.commitments()) {
            return Err(SignError::OtherCommitment(self.member));
        }
        let package = package(message, commitments)?;
        round2::sign(&package, &self.nonces, share.package()).map(PartialSignature).map_err(|e| refused(&e))
    }
}

impl Commitment {
    /// The commitment as bytes, of at most 128.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::seal::<Signing>(Kind::Commitment, &self.0.serialize().unwrap_or_default())
    }

    /// Reads a commitment.
    ///
    /// # Errors
    /// When the bytes are no commitment.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::canonical::<Signing, Self>(
            Kind::Commitment,
            bytes,
            |payload| round1::SigningCommitments::deserialize(payload).ok().map(Self),
            |read| read.0.serialize().ok().map(Zeroizing::new),
        )
    }
}

impl PartialSignature {
    /// The partial signature as bytes, of at most 64.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::seal::<Signing>(Kind::PartialSignature, &self.0.serialize())
    }

    /// Reads a partial signature.
    ///
    /// # Errors
    /// When the bytes are no partial signature.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::canonical::<Signing, Self>(
            Kind::PartialSignature,
            bytes,
            |payload| round2::SignatureShare::deserialize(payload).ok().map(Self),
            |read| Some(Zeroizing::new(read.0.serialize())),
        )
    }
}

/// The coordinator's side: it collects partial signatures, checks each as it comes, and names who lied. It needs no secret.
pub struct Aggregation {
    group: Group<Signing>,
    message: Vec<u8>,
    package: SigningPackage,
    taking_part: BTreeSet<Member>,
    partials: BTreeMap<Member, PartialSignature>,
}

impl Aggregation {
    /// Starts the second round with everybody who committed.
    ///
    /// # Errors
    /// When too few or strangers committed.
    pub fn new(
        group: &Group<Signing>,
        message: &[u8],
        commitments: &BTreeMap<Member, Commitment>,
    ) -> Result<Self, SignError> {
        check_members(group, commitments.keys())?;
        Ok(Self {
            group: group.clone(),
            message: message.to_vec(),
            package: package(message, commitments)?,
            taking_part: commitments.keys().copied().collect(),
            partials: BTreeMap::new(),
        })
    }

    /// Takes a partial signature, after checking it. A repeated one changes nothing.
    ///
    /// # Errors
    /// [`SignError::Liar`] when it does not verify: start again without that member.
    pub fn add(&mut self, member: Member, partial: PartialSignature) -> Result<(), SignError> {
        if !self.taking_part.contains(&member) {
            return Err(SignError::NotTakingPart(member));
        }
        if let Some(first) = self.partials.get(&member) {
            return if *first == partial { Ok(()) } else { Err(SignError::Twice(member)) };
        }
        let identifier = member.identifier().map_err(|e| refused(&e))?;
        let share: &VerifyingShare = self
            .group
            .package()
            .verifying_shares()
            .get(&identifier)
            .ok_or(SignError::NotTakingPart(member))?;
        frost_core::verify_signature_share::<Suite>(
            identifier,
            share,
            &partial.0,
            &self.package,
            self.group.package().verifying_key(),
        )
        .map_err(|_| SignError::Liar(member))?;
        self.partials.insert(member, partial);
        Ok(())
    }

    /// Whose partial signatures are not there yet.
    #[must_use]
    pub fn missing(&self) -> Vec<Member> {
        self.taking_part.iter().filter(|m| !self.partials.contains_key(m)).copied().collect()
    }

    /// The signature, 64 bytes as RFC 8032 writes them, verified.
    ///
    /// # Errors
    /// When partial signatures are missing.
    pub fn signature(&self) -> Result<[u8; 64], SignError> {
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(SignError::Missing(missing));
        }
        let partials =
            by_identifier(&self.partials, |p| p.0).map_err(|e| SignError::Protocol(e.to_string()))?;
        let signature =
            frost_ed25519::aggregate(&self.package, &partials, self.group.package()).map_err(|error| {
                match error.culprits().first().and_then(Member::of) {
                    Some(member) => SignError::Liar(member),
                    None => refused(&error),
                }
            })?;
        let bytes: [u8; 64] =
            signature.serialize().map_err(|e| refused(&e))?.try_into().map_err(|_| SignError::Invalid)?;
        verify(self.group.public_key(), &self.message, &bytes)?;
        Ok(bytes)
    }
}

/// Verifies an Ed25519 signature.
///
/// # Errors
/// When it does not verify, or the key is none.
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), SignError> {
    let key = frost_ed25519::VerifyingKey::deserialize(public_key).map_err(|_| SignError::Invalid)?;
    let signature = frost_ed25519::Signature::deserialize(signature).map_err(|_| SignError::Invalid)?;
    key.verify(message, &signature).map_err(|_| SignError::Invalid)
}

fn check_members<'m>(
    group: &Group<Signing>,
    members: impl ExactSizeIterator<Item = &'m Member>,
) -> Result<(), SignError> {
    let needed = group.quorum().needed();
    let taking_part = members.len();
    let known = members.filter(|m| group.verifying_share(**m).is_some()).count();
    if known == taking_part && known >= usize::from(needed) {
        Ok(())
    } else {
        Err(SignError::TooFew { found: known, needed })
    }
}

fn package(message: &[u8], commitments: &BTreeMap<Member, Commitment>) -> Result<SigningPackage, SignError> {
    let commitments = by_identifier(commitments, |c| c.0).map_err(|e| SignError::Protocol(e.to_string()))?;
    Ok(SigningPackage::new(commitments, message))
}

// The envelope of what is signed with says so too.
const _: () = assert!(Signing::TAG == 1);
