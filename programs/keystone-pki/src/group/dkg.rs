//! Making a key: distributed key generation among all members.
//!
//! All of them must take part, and one that fails or lies ends it; the next attempt starts anew.
//!
//! ```text
//! start ── Round1Package to all ──▶ receive ── hash to all ──▶ confirm ── Round2Package to each ──▶ finish
//! ```

use std::collections::BTreeMap;

use frost_ed25519::keys::dkg;
use rand_core::{CryptoRng, RngCore};

use super::codec::Kind;
use super::rounds::{
    Act, Round1Package, Round2Package, RoundError, RoundOne, RoundTwo, by_identifier, protocol,
};
use super::{Group, Member, Purpose, Quorum, Share};

/// Rounds that make a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation;

impl Act for Generation {
    const KINDS: [Kind; 4] =
        [Kind::GenerationRound1, Kind::GenerationRound2, Kind::GenerationStateOne, Kind::GenerationStateTwo];
    const REFRESH: bool = false;
}

/// What comes out of [`start`]: the member's state, and the package that it sends to all others.
pub type Started<P> = (RoundOne<P, Generation>, Round1Package<P, Generation>);

/// Starts as `member`.
///
/// # Errors
/// When the group has no such member.
pub fn start<P: Purpose>(
    quorum: Quorum,
    member: Member,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Started<P>, RoundError> {
    RoundOne::start(quorum, member, rng)
}

impl<P: Purpose> RoundTwo<P, Generation> {
    /// Takes the second packages of all other members, by sender, and gives the member's share and the description of
    /// the group. Compare the group's fingerprint with the others' before anything depends on it.
    ///
    /// # Errors
    /// When packages are missing, or a member's is not what it promised; the member is named, and
    /// [`complaint`](super::complaint) proves it to the others.
    pub fn finish(
        &self,
        packages: &BTreeMap<Member, Round2Package<P, Generation>>,
    ) -> Result<(Share<P>, Group<P>), RoundError> {
        self.check(packages)?;
        let seconds = by_identifier(packages, |p| p.package.clone())?;
        let (share, group) = dkg::part3(&self.secret, &self.firsts()?, &seconds).map_err(|e| protocol(&e))?;
        let contradiction =
            || RoundError::Protocol("the parts of the new key contradict each other".to_owned());
        let share = Share::from_package(share).ok_or_else(contradiction)?;
        let group = Group::from_package(group).ok_or_else(contradiction)?;
        share.check(&group)?;
        Ok((share, group))
    }
}
