//! The two rounds that key generation and refresh have in common.
//!
//! 1. Everybody sends the same [`Round1Package`] to all. Everybody compares the hash of what all sent ([`Echo`]): whoever
//!    sent different packages to different members is found out before a secret leaves.
//! 2. Everybody sends each other member its own [`Round2Package`], encrypted to it and signed by the caller.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::traits::Identity as _;
use frost_ed25519::keys::dkg::{self, round1, round2};
use frost_ed25519::{Identifier, keys::refresh};
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::codec::{self, Kind};
use super::{DecodeError, Member, Purpose, Quorum, QuorumError, polynomial};

/// Why a key generation or a refresh ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RoundError {
    /// No such quorum.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// A member that the group does not have.
    #[error("{0} is not in a group of {1} members")]
    NotAMember(Member, u16),
    /// Packages of some members are not there.
    #[error("packages are missing, of {}", list(.0))]
    Missing(Vec<Member>),
    /// A package under one's own number.
    #[error("a package came back under the number of {0}, who is ourselves; two members have one number")]
    Own(Member),
    /// A package that proves its sender wrong.
    #[error("{member} sent {reason}; start again, and find out why")]
    Liar {
        /// Who sent it.
        member: Member,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not all received the same packages.
    #[error(
        "{} did not receive the same first packages as we: somebody sent different ones to different members, or a \
         message was damaged; nothing secret was sent, start again", list(.0)
    )]
    EchoDiffers(Vec<Member>),
    /// The share or the group that is to be refreshed is not the right one.
    #[error(transparent)]
    Group(#[from] super::GroupError),
    /// The protocol refuses without naming anybody.
    #[error("the protocol refuses: {0}")]
    Protocol(String),
}

fn list(members: &[Member]) -> String {
    members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(crate) fn protocol(error: &frost_ed25519::Error) -> RoundError {
    match error.culprits().first().and_then(Member::of) {
        Some(member) => RoundError::Liar { member, reason: "a proof that does not hold" },
        None => RoundError::Protocol(error.to_string()),
    }
}

/// What the rounds are for.
pub trait Act: Copy + Eq + std::fmt::Debug + Send + Sync + 'static {
    #[doc(hidden)]
    const KINDS: [Kind; 4];
    #[doc(hidden)]
    const REFRESH: bool;
}

/// The first package of a member: public, the same for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round1Package<P, A> {
    pub(crate) package: round1::Package,
    marks: PhantomData<(P, A)>,
}

impl<P: Purpose, A: Act> Round1Package<P, A> {
    /// The package as bytes, of at most 1 KiB.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::seal::<P>(A::KINDS[0], &self.package.serialize().unwrap_or_default())
    }

    /// Reads a package.
    ///
    /// # Errors
    /// When the bytes are no such package.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::canonical::<P, Self>(
            A::KINDS[0],
            bytes,
            |payload| Some(Self { package: round1::Package::deserialize(payload).ok()?, marks: PhantomData }),
            |read| read.package.serialize().ok().map(Zeroizing::new),
        )
    }

    /// The committed polynomial; a refresh leaves out the first coefficient, which is nothing.
    pub(crate) fn coefficients(&self) -> Option<Vec<EdwardsPoint>> {
        let written = self.package.commitment().serialize().ok()?;
        let first = A::REFRESH.then(EdwardsPoint::identity).map(Some);
        first.into_iter().chain(written.iter().map(|c| polynomial::point(c))).collect()
    }
}

/// The second package: from one member to one other, secret. Erased when dropped.
pub struct Round2Package<P, A> {
    pub(crate) package: round2::Package,
    marks: PhantomData<(P, A)>,
}

impl<P: Purpose, A: Act> Round2Package<P, A> {
    /// The package as bytes, of at most 128. Encrypt them to the addressee.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let payload = Zeroizing::new(self.package.serialize().unwrap_or_default());
        Zeroizing::new(codec::seal::<P>(A::KINDS[1], &payload))
    }

    /// Reads a package.
    ///
    /// # Errors
    /// When the bytes are no such package.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::canonical::<P, Self>(
            A::KINDS[1],
            bytes,
            |payload| Some(Self { package: round2::Package::deserialize(payload).ok()?, marks: PhantomData }),
            |read| read.package.serialize().ok().map(Zeroizing::new),
        )
    }

    /// Whether this is what the sender's first package promised to `addressee`.
    pub(crate) fn fits(&self, sender: &Round1Package<P, A>, addressee: Member) -> bool {
        let bytes = Zeroizing::new(self.package.signing_share().serialize());
        let share = polynomial::scalar(&bytes).map(Zeroizing::new);
        matches!((share, sender.coefficients()), (Some(share), Some(coefficients))
            if EdwardsPoint::mul_base(&share) == polynomial::at(&coefficients, addressee))
    }
}

/// A member's secret state after it sent its first package. Erased when dropped.
pub struct RoundOne<P, A> {
    pub(crate) quorum: Quorum,
    pub(crate) member: Member,
    pub(crate) secret: round1::SecretPackage,
    pub(crate) own: Round1Package<P, A>,
}

impl<P: Purpose, A: Act> RoundOne<P, A> {
    pub(crate) fn start<R: RngCore + CryptoRng>(
        quorum: Quorum,
        member: Member,
        rng: &mut R,
    ) -> Result<(Self, Round1Package<P, A>), RoundError> {
        if member.number() > quorum.members() {
            return Err(RoundError::NotAMember(member, quorum.members()));
        }
        let identifier = member.identifier().map_err(|e| protocol(&e))?;
        let (n, k) = (quorum.members(), quorum.needed());
        let (secret, package) = if A::REFRESH {
            refresh::refresh_dkg_part1(identifier, n, k, rng)
        } else {
            dkg::part1(identifier, n, k, rng)
        }
        .map_err(|e| protocol(&e))?;
        let own = Round1Package { package, marks: PhantomData };
        Ok((Self { quorum, member, secret, own: own.clone() }, own))
    }

    /// Whose state it is.
    #[must_use]
    pub const fn member(&self) -> Member {
        self.member
    }

    /// Takes the first packages of all other members, by sender. Nothing secret comes out before the echo is confirmed.
    ///
    /// # Errors
    /// When packages are missing, or a member's proves it wrong; the member is named.
    pub fn receive(self, packages: BTreeMap<Member, Round1Package<P, A>>) -> Result<Echo<P, A>, RoundError> {
        check_senders(self.quorum, self.member, &packages)?;
        for (member, package) in &packages {
            let coefficients = package.coefficients().map_or(0, |c| c.len());
            if coefficients != usize::from(self.quorum.needed()) {
                let reason = "a commitment that is not for this quorum";
                return Err(RoundError::Liar { member: *member, reason });
            }
        }
        let theirs = by_identifier(&packages, |p| p.package.clone())?;
        let outcome = if A::REFRESH {
            refresh::refresh_dkg_part2(self.secret, &theirs)
        } else {
            dkg::part2(self.secret, &theirs)
        };
        let (secret, outgoing) = outcome.map_err(|e| protocol(&e))?;
        let outgoing = outgoing
            .into_iter()
            .filter_map(|(id, package)| {
                Some((Member::of(&id)?, Round2Package { package, marks: PhantomData }))
            })
            .collect();
        let hash = transcript::<P, A>(self.quorum, self.member, &self.own, &packages);
        let state = RoundTwo { quorum: self.quorum, member: self.member, secret, packages, hash };
        Ok(Echo { state, outgoing })
    }

    /// The state as bytes, for a member that must be able to stop between rounds. Encrypt them; delete them at the end.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let secret = Zeroizing::new(self.secret.serialize().unwrap_or_default());
        let mut fields = Fields::start(self.quorum, self.member, secret.len() + 4096);
        fields.add(&secret);
        fields.add(&self.own.package.serialize().unwrap_or_default());
        Zeroizing::new(codec::seal::<P>(A::KINDS[2], &fields.0))
    }

    /// Reads a state.
    ///
    /// # Errors
    /// When the bytes are no such state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let kind = A::KINDS[2];
        let read = |payload: &[u8]| {
            let (quorum, member, rest) = Fields::read(payload)?;
            let [secret, own] = rest.as_slice() else { return None };
            Some(Self {
                quorum,
                member,
                secret: round1::SecretPackage::deserialize(secret).ok()?,
                own: Round1Package { package: round1::Package::deserialize(own).ok()?, marks: PhantomData },
            })
        };
        codec::canonical::<P, Self>(kind, bytes, read, |state| {
            codec::open::<P>(kind, &state.to_bytes()).ok().map(|p| Zeroizing::new(p.to_vec()))
        })
    }
}

/// What comes out of [`Echo::confirm`]: the member's state, and what it sends to each other member.
pub type Confirmed<P, A> = (RoundTwo<P, A>, BTreeMap<Member, Round2Package<P, A>>);

/// A member that has everybody's first package, and waits to hear that all have the same ones.
pub struct Echo<P, A> {
    state: RoundTwo<P, A>,
    outgoing: BTreeMap<Member, Round2Package<P, A>>,
}

impl<P: Purpose, A: Act> Echo<P, A> {
    /// The hash of everybody's first packages: 32 bytes, to be sent to all, signed.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.state.hash
    }

    /// Compares the others' hashes, by sender, and gives out what is to be sent to each other member.
    ///
    /// # Errors
    /// When hashes are missing or differ; the members are named.
    pub fn confirm(self, hashes: &BTreeMap<Member, [u8; 32]>) -> Result<Confirmed<P, A>, RoundError> {
        check_senders(self.state.quorum, self.state.member, hashes)?;
        let differing: Vec<_> =
            hashes.iter().filter(|(_, hash)| **hash != self.state.hash).map(|(member, _)| *member).collect();
        if differing.is_empty() {
            Ok((self.state, self.outgoing))
        } else {
            Err(RoundError::EchoDiffers(differing))
        }
    }
}

/// A member's secret state after it sent its second packages. Erased when dropped.
pub struct RoundTwo<P, A> {
    pub(crate) quorum: Quorum,
    pub(crate) member: Member,
    pub(crate) secret: round2::SecretPackage,
    pub(crate) packages: BTreeMap<Member, Round1Package<P, A>>,
    pub(crate) hash: [u8; 32],
}

impl<P: Purpose, A: Act> RoundTwo<P, A> {
    /// Whose state it is.
    #[must_use]
    pub const fn member(&self) -> Member {
        self.member
    }

    /// The hash of everybody's first packages.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Checks that every other member sent what it promised; the one that did not is named.
    pub(crate) fn check(&self, received: &BTreeMap<Member, Round2Package<P, A>>) -> Result<(), RoundError> {
        check_senders(self.quorum, self.member, received)?;
        for (sender, first) in &self.packages {
            if !received.get(sender).is_some_and(|second| second.fits(first, self.member)) {
                let reason = "a second package that is not what its first one promised";
                return Err(RoundError::Liar { member: *sender, reason });
            }
        }
        Ok(())
    }

    pub(crate) fn firsts(&self) -> Result<BTreeMap<Identifier, round1::Package>, RoundError> {
        by_identifier(&self.packages, |p| p.package.clone())
    }

    /// The state as bytes, for a member that must be able to stop between rounds. Encrypt them; delete them at the end.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let secret = Zeroizing::new(self.secret.serialize().unwrap_or_default());
        let mut fields = Fields::start(self.quorum, self.member, secret.len() + 32 * 1024);
        fields.add(&secret);
        fields.add(&self.hash);
        for package in self.packages.values() {
            fields.add(&package.package.serialize().unwrap_or_default());
        }
        Zeroizing::new(codec::seal::<P>(A::KINDS[3], &fields.0))
    }

    /// Reads a state.
    ///
    /// # Errors
    /// When the bytes are no such state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let kind = A::KINDS[3];
        let read = |payload: &[u8]| {
            let (quorum, member, rest) = Fields::read(payload)?;
            let [secret, hash, packages @ ..] = rest.as_slice() else { return None };
            let others: Vec<_> = quorum.all().filter(|other| *other != member).collect();
            let packages = others
                .iter()
                .zip(packages)
                .map(|(sender, bytes)| {
                    let package = round1::Package::deserialize(bytes).ok()?;
                    Some((*sender, Round1Package { package, marks: PhantomData }))
                })
                .collect::<Option<BTreeMap<_, _>>>()?;
            (packages.len() == others.len()).then_some(())?;
            let secret = round2::SecretPackage::deserialize(secret).ok()?;
            Some(Self { quorum, member, secret, packages, hash: (*hash).try_into().ok()? })
        };
        codec::canonical::<P, Self>(kind, bytes, read, |state| {
            codec::open::<P>(kind, &state.to_bytes()).ok().map(|p| Zeroizing::new(p.to_vec()))
        })
    }
}

pub(crate) fn by_identifier<T, U>(
    packages: &BTreeMap<Member, T>,
    value: impl Fn(&T) -> U,
) -> Result<BTreeMap<Identifier, U>, RoundError> {
    packages
        .iter()
        .map(|(member, package)| Ok((member.identifier().map_err(|e| protocol(&e))?, value(package))))
        .collect()
}

/// Everybody but ourselves must be there, and nobody else.
fn check_senders<T>(quorum: Quorum, own: Member, sent: &BTreeMap<Member, T>) -> Result<(), RoundError> {
    for sender in sent.keys() {
        if *sender == own {
            return Err(RoundError::Own(own));
        }
        if sender.number() > quorum.members() {
            return Err(RoundError::NotAMember(*sender, quorum.members()));
        }
    }
    let missing: Vec<_> = quorum.all().filter(|m| *m != own && !sent.contains_key(m)).collect();
    if missing.is_empty() { Ok(()) } else { Err(RoundError::Missing(missing)) }
}

fn transcript<P: Purpose, A: Act>(
    quorum: Quorum,
    member: Member,
    own: &Round1Package<P, A>,
    others: &BTreeMap<Member, Round1Package<P, A>>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"keystone first packages v1");
    hash.update(quorum.needed().to_be_bytes());
    hash.update(quorum.members().to_be_bytes());
    for sender in quorum.all() {
        let package = if sender == member { Some(own) } else { others.get(&sender) };
        let bytes = package.map(Round1Package::to_bytes).unwrap_or_default();
        hash.update(sender.number().to_be_bytes());
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}

/// Quorum, member, then fields with their length.
struct Fields(Zeroizing<Vec<u8>>);

impl Fields {
    /// `capacity` keeps the buffer from growing, which would leave copies of a secret behind.
    fn start(quorum: Quorum, member: Member, capacity: usize) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        for number in [quorum.needed(), quorum.members(), member.number()] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Self(bytes)
    }

    fn add(&mut self, field: &[u8]) {
        let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(field);
    }

    fn read(mut bytes: &[u8]) -> Option<(Quorum, Member, Vec<&[u8]>)> {
        fn number(bytes: &mut &[u8]) -> Option<u16> {
            let (two, rest) = bytes.split_first_chunk::<2>()?;
            *bytes = rest;
            Some(u16::from_be_bytes(*two))
        }
        let (needed, members) = (number(&mut bytes)?, number(&mut bytes)?);
        let quorum = Quorum::new(needed, members).ok()?;
        let member = Member::new(number(&mut bytes)?).filter(|m| m.number() <= members)?;
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let length = usize::from(number(&mut bytes)?);
            let (field, rest) = bytes.split_at_checked(length)?;
            fields.push(field);
            bytes = rest;
        }
        Some((quorum, member, fields))
    }
}
