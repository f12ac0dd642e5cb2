//! Whole groups in one process, with randomness that is the same each time.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test program uses a part of this, and stops at the first surprise"
)]

pub mod chains;

use std::collections::{BTreeMap, BTreeSet};

use keystone_pki::group::dkg::{self, Generation};
use keystone_pki::group::refresh::{self, Refresh};
use keystone_pki::group::sign::{self, Aggregation, SignError};
use keystone_pki::group::{
    Echo, Group, Member, Purpose, Quorum, Round1Package, Round2Package, RoundOne, RoundTwo, Share, Signing,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn member(number: u16) -> Member {
    Member::new(number).unwrap()
}

pub fn members(numbers: &[u16]) -> BTreeSet<Member> {
    numbers.iter().map(|n| member(*n)).collect()
}

/// All shares and the one group of a new key.
pub struct Keys<P> {
    pub shares: BTreeMap<Member, Share<P>>,
    pub group: Group<P>,
}

pub fn without<T: Clone>(all: &BTreeMap<Member, T>, own: Member) -> BTreeMap<Member, T> {
    all.iter().filter(|(m, _)| **m != own).map(|(m, t)| (*m, t.clone())).collect()
}

/// Second packages by addressee and sender; they pass through bytes, as they do between machines.
pub type Sent<P, A> = BTreeMap<Member, BTreeMap<Member, Round2Package<P, A>>>;

pub fn second_round<P: Purpose, A: keystone_pki::group::Act>(
    states: BTreeMap<Member, RoundOne<P, A>>,
    firsts: &BTreeMap<Member, Round1Package<P, A>>,
) -> (BTreeMap<Member, RoundTwo<P, A>>, Sent<P, A>) {
    let echoes: BTreeMap<Member, Echo<P, A>> =
        states.into_iter().map(|(m, s)| (m, s.receive(without(firsts, m)).unwrap())).collect();
    let hashes: BTreeMap<Member, [u8; 32]> = echoes.iter().map(|(m, e)| (*m, *e.hash())).collect();
    let mut twos = BTreeMap::new();
    let mut sent: Sent<P, A> = BTreeMap::new();
    for (sender, echo) in echoes {
        let (two, outgoing) = echo.confirm(&without(&hashes, sender)).unwrap();
        twos.insert(sender, two);
        for (addressee, package) in outgoing {
            let package = Round2Package::from_bytes(&package.to_bytes()).unwrap();
            sent.entry(addressee).or_default().insert(sender, package);
        }
    }
    (twos, sent)
}

pub fn generate<P: Purpose>(needed: u16, count: u16, seed: u64) -> Keys<P> {
    let quorum = Quorum::new(needed, count).unwrap();
    let mut rng = rng(seed);
    let mut states = BTreeMap::new();
    let mut firsts: BTreeMap<Member, Round1Package<P, Generation>> = BTreeMap::new();
    for m in quorum.all() {
        let (state, package) = dkg::start::<P>(quorum, m, &mut rng).unwrap();
        states.insert(m, state);
        firsts.insert(m, package);
    }
    let (twos, sent) = second_round(states, &firsts);
    let mut shares = BTreeMap::new();
    let mut groups = Vec::new();
    for (m, two) in &twos {
        let (share, group) = two.finish(&sent[m]).unwrap();
        shares.insert(*m, share);
        groups.push(group);
    }
    assert!(groups.windows(2).all(|w| w[0] == w[1]), "all members describe the same group");
    Keys { shares, group: groups.remove(0) }
}

pub fn refreshed<P: Purpose>(keys: &Keys<P>, seed: u64) -> Keys<P> {
    let mut rng = rng(seed);
    let mut states = BTreeMap::new();
    let mut firsts: BTreeMap<Member, Round1Package<P, Refresh>> = BTreeMap::new();
    for (m, share) in &keys.shares {
        let (state, package) = refresh::start(share, &keys.group, &mut rng).unwrap();
        states.insert(*m, state);
        firsts.insert(*m, package);
    }
    let (twos, sent) = second_round(states, &firsts);
    let mut shares = BTreeMap::new();
    let mut groups = Vec::new();
    for (m, two) in &twos {
        let (share, group) = two.finish(&sent[m], &keys.shares[m], &keys.group).unwrap();
        shares.insert(*m, share);
        groups.push(group);
    }
    assert!(groups.windows(2).all(|w| w[0] == w[1]));
    Keys { shares, group: groups.remove(0) }
}

/// A signature by these members.
pub fn signature(
    keys: &Keys<Signing>,
    signers: &[u16],
    message: &[u8],
    seed: u64,
) -> Result<[u8; 64], SignError> {
    let mut rng = rng(seed);
    let mut nonces = BTreeMap::new();
    let mut commitments = BTreeMap::new();
    for number in signers {
        let (nonce, commitment) = sign::commit(&keys.shares[&member(*number)], &mut rng);
        nonces.insert(member(*number), nonce);
        commitments.insert(member(*number), commitment);
    }
    let mut aggregation = Aggregation::new(&keys.group, message, &commitments)?;
    for (m, nonce) in nonces {
        let partial = nonce.sign(&keys.shares[&m], &keys.group, message, &commitments)?;
        aggregation.add(m, partial)?;
    }
    aggregation.signature()
}
