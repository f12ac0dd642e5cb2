//! New shares of the same key, so that a share that was lost is worth nothing next to the new ones.
//!
//! It is **no revocation**: `k` old shares still make the key (measured), so every member must erase its old share, and
//! nobody can prove that it did. After a theft, make a new group. Not covered by the audit of FROST.

use std::collections::BTreeMap;

use frost_ed25519::keys::refresh;
use rand_core::{CryptoRng, RngCore};

use super::codec::Kind;
use super::rounds::{
    Act, Round1Package, Round2Package, RoundError, RoundOne, RoundTwo, by_identifier, protocol,
};
use super::{Group, Member, Purpose, Share};

/// Rounds that replace shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh;

impl Act for Refresh {
    const KINDS: [Kind; 4] =
        [Kind::RefreshRound1, Kind::RefreshRound2, Kind::RefreshStateOne, Kind::RefreshStateTwo];
    const REFRESH: bool = true;
}

/// What comes out of [`start`]: the member's state, and the package that it sends to all others.
pub type Started<P> = (RoundOne<P, Refresh>, Round1Package<P, Refresh>);

/// Starts as the share's member. All members must take part; one whose share is lost repairs it first.
///
/// # Errors
/// When the share is not of the group.
pub fn start<P: Purpose>(
    share: &Share<P>,
    group: &Group<P>,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Started<P>, RoundError> {
    share.check(group)?;
    RoundOne::start(group.quorum(), share.member(), rng)
}

impl<P: Purpose> RoundTwo<P, Refresh> {
    /// Takes the second packages of all other members, by sender, and gives the member's new share and the group's new
    /// description; the key is the same. Erase `share` once all have finished.
    ///
    /// # Errors
    /// When packages are missing, a member's is not what it promised, or `share` and `group` are not the present ones.
    pub fn finish(
        &self,
        packages: &BTreeMap<Member, Round2Package<P, Refresh>>,
        share: &Share<P>,
        group: &Group<P>,
    ) -> Result<(Share<P>, Group<P>), RoundError> {
        share.check(group)?;
        if share.member() != self.member || group.quorum() != self.quorum {
            return Err(super::GroupError::OtherGroup.into());
        }
        self.check(packages)?;
        let seconds = by_identifier(packages, |p| p.package.clone())?;
        let (new_share, new_group) = refresh::refresh_dkg_shares(
            &self.secret,
            &self.firsts()?,
            &seconds,
            group.package().clone(),
            share.package().clone(),
        )
        .map_err(|e| protocol(&e))?;
        let contradiction =
            || RoundError::Protocol("the parts of the refreshed key contradict each other".to_owned());
        let new_share = Share::from_package(new_share).ok_or_else(contradiction)?;
        let new_group = Group::from_package(new_group).ok_or_else(contradiction)?;
        new_share.check(&new_group)?;
        if new_group.public_key() != group.public_key() {
            return Err(contradiction());
        }
        Ok((new_share, new_group))
    }
}
