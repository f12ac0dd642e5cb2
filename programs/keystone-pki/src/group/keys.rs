//! What is left when a key has been made: one share for each member, and a description that everybody may have.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use frost_ed25519::keys::{KeyPackage, PublicKeyPackage};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::codec::{self, Kind};
use super::polynomial;
use super::{DecodeError, Member, Purpose, Quorum};

/// Why a share does not go with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GroupError {
    /// A share of another group.
    #[error("the share is of another group")]
    OtherGroup,
    /// A share of this group, from before a refresh or damaged.
    #[error(
        "the share of {0} is not the one that the group's description holds: it is from before a refresh, or damaged"
    )]
    OtherShare(Member),
}

/// The public description of a group: its key, its members' verifying shares, its quorum.
#[derive(Clone, PartialEq, Eq)]
pub struct Group<P> {
    package: PublicKeyPackage,
    quorum: Quorum,
    key: [u8; 32],
    shares: BTreeMap<Member, EdwardsPoint>,
    purpose: PhantomData<P>,
}

impl<P: Purpose> Group<P> {
    pub(crate) fn from_package(package: PublicKeyPackage) -> Option<Self> {
        let members = u16::try_from(package.verifying_shares().len()).ok()?;
        let quorum = Quorum::new(package.min_signers()?, members).ok()?;
        let key: [u8; 32] = package.verifying_key().serialize().ok()?.try_into().ok()?;
        let mut shares = BTreeMap::new();
        for member in quorum.all() {
            let share = package.verifying_shares().get(&member.identifier().ok()?)?;
            shares.insert(member, polynomial::point(&share.serialize().ok()?)?);
        }
        // All verifying shares lie on one polynomial of the right degree, whose value at 0 is the key: otherwise some
        // quorums would work and others would not.
        let points: Vec<_> = shares.iter().map(|(m, p)| (*m, *p)).collect();
        let (base, rest) = points.split_at_checked(usize::from(quorum.needed()))?;
        let fits = polynomial::interpolate(base, Scalar::ZERO) == polynomial::point(&key)?
            && rest.iter().all(|(member, point)| polynomial::interpolate(base, member.scalar()) == *point);
        fits.then_some(Self { package, quorum, key, shares, purpose: PhantomData })
    }

    /// How many members there are and how many must agree.
    #[must_use]
    pub const fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The group's public key: 32 bytes, an Ed25519 key as RFC 8032 writes it.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.key
    }

    /// SHA-256 of the description, by which people and files name it. It changes with a refresh, the key does not.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// The description as bytes, of at most 2 KiB.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // It came out of serialisation or out of the protocol; it can always be written.
        codec::seal::<P>(Kind::Group, &self.package.serialize().unwrap_or_default())
    }

    /// Reads a description.
    ///
    /// # Errors
    /// When the bytes are no description of a group of this purpose, or its parts contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::canonical::<P, Self>(
            Kind::Group,
            bytes,
            |payload| Self::from_package(PublicKeyPackage::deserialize(payload).ok()?),
            |group| group.package.serialize().ok().map(Zeroizing::new),
        )
    }

    pub(crate) const fn package(&self) -> &PublicKeyPackage {
        &self.package
    }

    pub(crate) fn verifying_share(&self, member: Member) -> Option<EdwardsPoint> {
        self.shares.get(&member).copied()
    }
}

impl<P: Purpose> fmt::Debug for Group<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("purpose", &P::NAME)
            .field("quorum", &self.quorum)
            .finish_non_exhaustive()
    }
}

/// A member's share of a key. Erased when dropped.
pub struct Share<P> {
    package: KeyPackage,
    member: Member,
    purpose: PhantomData<P>,
}

impl<P: Purpose> Share<P> {
    pub(crate) fn from_package(package: KeyPackage) -> Option<Self> {
        let member = Member::of(package.identifier())?;
        let share = Zeroizing::new(package.signing_share().serialize());
        let verifying = package.verifying_share().serialize().ok()?;
        // The crate believes a stored verifying share.
        (EdwardsPoint::mul_base(&polynomial::scalar(&share)?).compress().as_bytes() == verifying.as_slice())
            .then_some(Self { package, member, purpose: PhantomData })
    }

    /// Whose share it is.
    #[must_use]
    pub const fn member(&self) -> Member {
        self.member
    }

    /// Whether the share is the one of the group's description. Nothing is signed or decrypted.
    ///
    /// # Errors
    /// When it is of another group, or not the member's present share.
    pub fn check(&self, group: &Group<P>) -> Result<(), GroupError> {
        if self.package.verifying_key() != group.package.verifying_key()
            || *self.package.min_signers() != group.quorum.needed()
        {
            return Err(GroupError::OtherGroup);
        }
        let own = self.package.verifying_share().serialize().unwrap_or_default();
        match group.verifying_share(self.member) {
            None => Err(GroupError::OtherGroup),
            Some(point) if point.compress().as_bytes() == own.as_slice() => Ok(()),
            Some(_) => Err(GroupError::OtherShare(self.member)),
        }
    }

    /// The share as bytes, of at most 256. Encrypt them before they leave memory.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let payload = Zeroizing::new(self.package.serialize().unwrap_or_default());
        Zeroizing::new(codec::seal::<P>(Kind::Share, &payload))
    }

    /// Reads a share.
    ///
    /// # Errors
    /// When the bytes are no share of a group of this purpose, or its parts contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::canonical::<P, Self>(
            Kind::Share,
            bytes,
            |payload| Self::from_package(KeyPackage::deserialize(payload).ok()?),
            |share| share.package.serialize().ok().map(Zeroizing::new),
        )
    }

    pub(crate) const fn package(&self) -> &KeyPackage {
        &self.package
    }

    pub(crate) fn scalar(&self) -> Option<Zeroizing<Scalar>> {
        let bytes = Zeroizing::new(self.package.signing_share().serialize());
        polynomial::scalar(&bytes).map(Zeroizing::new)
    }
}
