//! A member's lost share, computed anew by `k` others without any of them learning it.
//!
//! ```text
//! each helper: start ── Delta to each helper ──▶ combine ── Sigma to the member ──▶ finish
//! ```
//!
//! The result is exactly the old share: where it may have been stolen instead of lost, make a new group. Not covered by
//! the audit of FROST.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use frost_ed25519::Identifier;
use frost_ed25519::keys::repairable as frost;
use rand_core::{CryptoRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use super::codec::{self, Kind};
use super::{DecodeError, Group, GroupError, Member, Purpose, Share};

/// Why a repair ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RepairError {
    /// Too few helpers, or one that the group does not have.
    #[error("{found} helpers of the group were named, and {needed} must help")]
    Helpers {
        /// How many there are.
        found: usize,
        /// How many must be.
        needed: u16,
    },
    /// A helper whose share is lost, or a share that is no helper's.
    #[error("{0} cannot help to repair its own share")]
    HelpsItself(Member),
    /// The member whose share is held here is not among the helpers.
    #[error("{0} is not among the helpers")]
    NotAHelper(Member),
    /// Not exactly one from each helper.
    #[error("what came is not exactly one value from each of the {needed} helpers, but {found}")]
    Incomplete {
        /// How many came.
        found: usize,
        /// How many should.
        needed: usize,
    },
    /// The repaired share is not the one that the group's description holds.
    #[error(
        "the share that came out is not that of {0}: one of the helpers sent a wrong value; none can be named, take others"
    )]
    Wrong(Member),
    /// The helper's own share is not of the group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The protocol refuses.
    #[error("the protocol refuses: {0}")]
    Protocol(String),
}

macro_rules! secret_value {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        pub struct $name<P> {
            bytes: Zeroizing<Vec<u8>>,
            purpose: PhantomData<P>,
        }

        impl<P: Purpose> $name<P> {
            fn new(value: &frost::$name) -> Self {
                Self { bytes: Zeroizing::new(value.serialize()), purpose: PhantomData }
            }

            fn value(&self) -> Result<frost::$name, RepairError> {
                frost::$name::deserialize(&self.bytes).map_err(|e| RepairError::Protocol(e.to_string()))
            }

            /// The value as bytes, of at most 64. Encrypt them to the addressee.
            #[must_use]
            pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
                Zeroizing::new(codec::seal::<P>($kind, &self.bytes))
            }

            /// Reads a value.
            ///
            /// # Errors
            /// When the bytes are no such value.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                codec::canonical::<P, Self>(
                    $kind,
                    bytes,
                    |payload| frost::$name::deserialize(payload).ok().map(|value| Self::new(&value)),
                    |read| Some(read.bytes.clone()),
                )
            }
        }
    };
}

secret_value!(
    /// From one helper to one helper, secret. Erased when dropped.
    Delta,
    Kind::RepairDelta
);
secret_value!(
    /// From one helper to the member, secret. Erased when dropped.
    Sigma,
    Kind::RepairSigma
);

/// Starts as the share's member; gives a value for each helper, oneself included.
///
/// # Errors
/// When there are not exactly `k` helpers of the group, or `lost` or the share's member stands where it may not.
pub fn start<P: Purpose>(
    share: &Share<P>,
    group: &Group<P>,
    helpers: &BTreeSet<Member>,
    lost: Member,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<BTreeMap<Member, Delta<P>>, RepairError> {
    share.check(group)?;
    let needed = group.quorum().needed();
    let known = helpers.iter().filter(|m| group.verifying_share(**m).is_some()).count();
    if known != helpers.len() || known != usize::from(needed) || group.verifying_share(lost).is_none() {
        return Err(RepairError::Helpers { found: known, needed });
    }
    if helpers.contains(&lost) {
        return Err(RepairError::HelpsItself(lost));
    }
    if !helpers.contains(&share.member()) {
        return Err(RepairError::NotAHelper(share.member()));
    }
    let refused = |e: frost_ed25519::Error| RepairError::Protocol(e.to_string());
    let identifiers: Vec<Identifier> =
        helpers.iter().map(|m| m.identifier()).collect::<Result<_, _>>().map_err(refused)?;
    let lost = lost.identifier().map_err(refused)?;
    let deltas = frost::repair_share_part1::<super::Suite, _>(&identifiers, share.package(), rng, lost)
        .map_err(refused)?;
    Ok(deltas.iter().filter_map(|(id, delta)| Some((Member::of(id)?, Delta::new(delta)))).collect())
}

/// Adds up the values of all helpers, one's own included; the sum goes to the member.
///
/// # Errors
/// When they are not exactly one from each helper.
pub fn combine<P: Purpose>(
    deltas: &BTreeMap<Member, Delta<P>>,
    helpers: &BTreeSet<Member>,
) -> Result<Sigma<P>, RepairError> {
    complete(deltas, helpers)?;
    let values = deltas.values().map(Delta::value).collect::<Result<Vec<_>, _>>()?;
    Ok(Sigma::new(&frost::repair_share_part2(&values)))
}

/// Gives the member its share, which is checked against the group's description.
///
/// # Errors
/// When values are missing, or one of them is wrong.
pub fn finish<P: Purpose>(
    sigmas: &BTreeMap<Member, Sigma<P>>,
    helpers: &BTreeSet<Member>,
    lost: Member,
    group: &Group<P>,
) -> Result<Share<P>, RepairError> {
    complete(sigmas, helpers)?;
    let values = sigmas.values().map(Sigma::value).collect::<Result<Vec<_>, _>>()?;
    let refused = |e: frost_ed25519::Error| RepairError::Protocol(e.to_string());
    let package = frost::repair_share_part3(&values, lost.identifier().map_err(refused)?, group.package())
        .map_err(refused)?;
    let share = Share::from_package(package).ok_or(RepairError::Wrong(lost))?;
    share.check(group).map_err(|_| RepairError::Wrong(lost))?;
    Ok(share)
}

fn complete<T>(values: &BTreeMap<Member, T>, helpers: &BTreeSet<Member>) -> Result<(), RepairError> {
    if values.keys().eq(helpers.iter()) {
        Ok(())
    } else {
        Err(RepairError::Incomplete { found: values.len(), needed: helpers.len() })
    }
}
