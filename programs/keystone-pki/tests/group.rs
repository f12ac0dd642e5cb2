//! Groups: every quorum works, less than one does not, and whoever lies is named.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;

use common::{Keys, generate, member, members, refreshed, rng, second_round, signature, without};
use keystone_pki::group::complaint::{Verdict, judge};
use keystone_pki::group::dkg::{self, Generation};
use keystone_pki::group::sign::{self, Aggregation, Commitment, PartialSignature, SignError};
use keystone_pki::group::{
    DecodeError, Decryption, Group, GroupError, Member, Quorum, Round1Package, Round2Package, RoundError,
    RoundOne, RoundTwo, Share, Signing, repair,
};

const MESSAGE: &[u8] = b"what all of them have before them";

fn subsets(count: u16, size: usize) -> Vec<Vec<u16>> {
    (0_u32..1 << count)
        .filter(|bits| bits.count_ones() as usize == size)
        .map(|bits| (0..count).filter(|n| bits & (1 << n) != 0).map(|n| n + 1).collect())
        .collect()
}

#[test]
fn any_quorum_signs_and_no_smaller_one() {
    for (needed, count) in [(2, 3), (3, 5), (4, 5)] {
        let keys = generate::<Signing>(needed, count, u64::from(count));
        for signers in subsets(count, usize::from(needed)) {
            let bytes = signature(&keys, &signers, MESSAGE, 1).unwrap();
            sign::verify(keys.group.public_key(), MESSAGE, &bytes).unwrap();
            assert!(sign::verify(keys.group.public_key(), b"another", &bytes).is_err());
        }
        for signers in subsets(count, usize::from(needed) - 1) {
            let found = signers.len();
            assert_eq!(
                signature(&keys, &signers, MESSAGE, 1).unwrap_err(),
                SignError::TooFew { found, needed }
            );
        }
        // More than needed may take part.
        let everybody: Vec<u16> = (1..=count).collect();
        signature(&keys, &everybody, MESSAGE, 1).unwrap();
    }
}

#[test]
fn the_largest_group_works() {
    let keys = generate::<Signing>(8, 15, 15);
    signature(&keys, &[1, 3, 5, 7, 9, 11, 13, 15], MESSAGE, 2).unwrap();
}

#[test]
fn one_share_in_two_places_is_one_share() {
    // A coordinator that passes one member off as two is refused: the numbers are part of the mathematics.
    let keys = generate::<Signing>(2, 3, 3);
    let share = &keys.shares[&member(1)];
    let (nonces, commitment) = sign::commit(share, &mut rng(1));
    let commitments = BTreeMap::from([(member(1), commitment.clone()), (member(2), commitment)]);
    let partial = nonces.sign(share, &keys.group, MESSAGE, &commitments).unwrap();
    let mut aggregation = Aggregation::new(&keys.group, MESSAGE, &commitments).unwrap();
    aggregation.add(member(1), partial.clone()).unwrap();
    assert_eq!(aggregation.add(member(2), partial), Err(SignError::Liar(member(2))));
}

#[test]
fn a_liar_is_named_and_the_others_go_on_with_another_member() {
    let keys = generate::<Signing>(2, 3, 4);
    let mut rng = rng(9);
    let mut commit = |n| sign::commit(&keys.shares[&member(n)], &mut rng);
    let ((one, c1), (two, c2)) = (commit(1), commit(2));
    let commitments = BTreeMap::from([(member(1), c1), (member(2), c2)]);
    let mut aggregation = Aggregation::new(&keys.group, MESSAGE, &commitments).unwrap();
    // Member 2 signs something else than what all have before them.
    let lie = two.sign(&keys.shares[&member(2)], &keys.group, b"CA:TRUE", &commitments).unwrap();
    let truth = one.sign(&keys.shares[&member(1)], &keys.group, MESSAGE, &commitments).unwrap();
    assert_eq!(aggregation.add(member(2), lie), Err(SignError::Liar(member(2))));
    aggregation.add(member(1), truth.clone()).unwrap();
    assert_eq!(aggregation.missing(), [member(2)]);
    assert_eq!(aggregation.signature(), Err(SignError::Missing(vec![member(2)])));
    // A message that arrives twice does no harm, and one of a stranger does none either.
    aggregation.add(member(1), truth.clone()).unwrap();
    assert_eq!(aggregation.add(member(3), truth), Err(SignError::NotTakingPart(member(3))));
    signature(&keys, &[1, 3], MESSAGE, 10).unwrap();
}

#[test]
fn nonces_sign_only_with_the_commitment_that_belongs_to_them() {
    let keys = generate::<Signing>(2, 3, 5);
    let mut rng = rng(1);
    let (nonces, own) = sign::commit(&keys.shares[&member(1)], &mut rng);
    let (_, other) = sign::commit(&keys.shares[&member(1)], &mut rng);
    let (_, second) = sign::commit(&keys.shares[&member(2)], &mut rng);
    assert_ne!(own, other, "two commitments are never equal");
    let commitments = BTreeMap::from([(member(1), other), (member(2), second)]);
    let error = nonces.sign(&keys.shares[&member(1)], &keys.group, MESSAGE, &commitments).err().unwrap();
    assert_eq!(error, SignError::OtherCommitment(member(1)));

    let (nonces, _) = sign::commit(&keys.shares[&member(1)], &mut rng);
    let error = nonces.sign(&keys.shares[&member(2)], &keys.group, MESSAGE, &commitments).err().unwrap();
    assert_eq!(error, SignError::OtherMember { nonces: member(1), share: member(2) });
}

#[test]
fn a_repaired_share_is_the_lost_one() {
    let keys = generate::<Signing>(3, 5, 6);
    let (helpers, lost) = (members(&[1, 2, 4]), member(3));
    let mut rng = rng(2);
    let mut deltas: BTreeMap<Member, BTreeMap<Member, repair::Delta<Signing>>> = BTreeMap::new();
    for helper in &helpers {
        let out = repair::start(&keys.shares[helper], &keys.group, &helpers, lost, &mut rng).unwrap();
        for (addressee, delta) in out {
            let delta = repair::Delta::from_bytes(&delta.to_bytes()).unwrap();
            deltas.entry(addressee).or_default().insert(*helper, delta);
        }
    }
    let mut sigmas: BTreeMap<_, _> =
        helpers.iter().map(|h| (*h, repair::combine(&deltas[h], &helpers).unwrap())).collect();
    let share = repair::finish(&sigmas, &helpers, lost, &keys.group).unwrap();
    assert_eq!(*share.to_bytes(), *keys.shares[&lost].to_bytes());

    // A wrong value is noticed, and a missing one.
    let wrong = repair::combine(&deltas[&member(1)], &helpers).unwrap();
    sigmas.insert(member(2), wrong);
    assert!(
        matches!(repair::finish(&sigmas, &helpers, lost, &keys.group), Err(repair::RepairError::Wrong(m)) if m == lost)
    );
    sigmas.remove(&member(2));
    assert!(matches!(
        repair::finish(&sigmas, &helpers, lost, &keys.group),
        Err(repair::RepairError::Incomplete { found: 2, needed: 3 })
    ));
    // Two helpers are too few, and nobody repairs itself.
    let start = |who: u16, helpers: &[u16], lost: u16| {
        repair::start(
            &keys.shares[&member(who)],
            &keys.group,
            &members(helpers),
            member(lost),
            &mut common::rng(1),
        )
        .map(|_| ())
    };
    assert!(matches!(start(1, &[1, 2], 3), Err(repair::RepairError::Helpers { found: 2, needed: 3 })));
    assert!(matches!(start(1, &[1, 2, 3], 3), Err(repair::RepairError::HelpsItself(_))));
    assert!(matches!(start(4, &[1, 2, 3], 5), Err(repair::RepairError::NotAHelper(_))));
}

#[test]
fn a_refresh_keeps_the_key_and_makes_old_and_new_shares_strangers() {
    let old = generate::<Signing>(2, 3, 7);
    let new = refreshed(&old, 8);
    assert_eq!(old.group.public_key(), new.group.public_key());
    assert_ne!(old.group.fingerprint(), new.group.fingerprint());
    signature(&new, &[1, 3], MESSAGE, 1).unwrap();
    assert_eq!(
        old.shares[&member(1)].check(&new.group),
        Err(GroupError::OtherShare(member(1))),
        "an old share does not pass for a present one"
    );
    // What the documentation says of a refresh, kept true: k old shares still make the key.
    signature(&old, &[1, 2], MESSAGE, 1).unwrap();
    // An old share and a new one make nothing.
    let Keys { mut shares, .. } = new;
    shares.insert(member(1), Share::from_bytes(&old.shares[&member(1)].to_bytes()).unwrap());
    let mixed = Keys { shares, group: old.group.clone() };
    assert_eq!(
        signature(&mixed, &[1, 2], MESSAGE, 1),
        Err(SignError::Group(GroupError::OtherShare(member(2))))
    );
}

type Firsts = BTreeMap<Member, Round1Package<Signing, Generation>>;
type Ones = BTreeMap<Member, RoundOne<Signing, Generation>>;

fn started(seed: u64) -> (Ones, Firsts) {
    let quorum = Quorum::new(2, 3).unwrap();
    let mut rng = rng(seed);
    quorum
        .all()
        .map(|m| {
            let (state, package) = dkg::start(quorum, m, &mut rng).unwrap();
            ((m, state), (m, package))
        })
        .unzip()
}

#[test]
fn a_member_that_tells_different_things_to_different_members_is_found_out_before_a_secret_leaves() {
    let (states, firsts) = started(11);
    let (_, others) = started(12);
    let mut echoes = BTreeMap::new();
    for (m, state) in states {
        let mut seen = without(&firsts, m);
        if m == member(3) {
            seen.insert(member(1), others[&member(1)].clone());
        }
        echoes.insert(m, state.receive(seen).unwrap());
    }
    let hashes: BTreeMap<_, _> = echoes.iter().map(|(m, e)| (*m, *e.hash())).collect();
    let two = echoes.remove(&member(2)).unwrap();
    let error = two.confirm(&without(&hashes, member(2))).err().unwrap();
    assert_eq!(error, RoundError::EchoDiffers(vec![member(3)]));
    assert!(error.to_string().starts_with("member 3 did not receive the same first packages as we"));
    let three = echoes.remove(&member(3)).unwrap();
    assert_eq!(
        three.confirm(&without(&hashes, member(3))).err().unwrap(),
        RoundError::EchoDiffers(vec![member(1), member(2)])
    );
}

#[test]
fn a_wrong_first_package_names_its_sender() {
    let (mut states, mut firsts) = started(13);
    // Member 3 sends the commitment of member 1: the proof that it knows the secret does not hold.
    firsts.insert(member(3), firsts[&member(1)].clone());
    let error = states.remove(&member(2)).unwrap().receive(without(&firsts, member(2))).err().unwrap();
    assert!(matches!(error, RoundError::Liar { member: m, .. } if m == member(3)), "{error}");

    // A commitment for another quorum, with which three would be needed instead of two.
    let five = Quorum::new(3, 5).unwrap();
    let (_, long) = dkg::start::<Signing>(five, member(3), &mut rng(1)).unwrap();
    firsts.insert(member(3), long);
    let error = states.remove(&member(1)).unwrap().receive(without(&firsts, member(1))).err().unwrap();
    assert_eq!(
        error,
        RoundError::Liar { member: member(3), reason: "a commitment that is not for this quorum" }
    );
}

#[test]
fn a_wrong_second_package_names_its_sender_and_proves_it() {
    let (states, firsts) = started(14);
    let (twos, mut sent) = second_round(states, &firsts);
    // Member 1 sends to member 2 what it should have sent to member 3.
    let misplaced = Round2Package::from_bytes(&sent[&member(3)][&member(1)].to_bytes()).unwrap();
    let right = sent.get_mut(&member(2)).unwrap().insert(member(1), misplaced).unwrap();
    let error = twos[&member(2)].finish(&sent[&member(2)]).err().unwrap();
    assert!(matches!(error, RoundError::Liar { member: m, .. } if m == member(1)), "{error}");

    // Whoever sees the package can judge, and a false complaint names the accuser.
    let shown = &sent[&member(2)][&member(1)];
    assert_eq!(judge(member(2), shown, &firsts[&member(1)]), Verdict::Accused);
    assert_eq!(judge(member(2), &right, &firsts[&member(1)]), Verdict::Accuser);
}

#[test]
fn rounds_say_who_is_missing_and_who_does_not_belong() {
    let (mut states, firsts) = started(15);
    let mut some = without(&firsts, member(1));
    let three = some.remove(&member(3)).unwrap();
    let error =
        |states: &mut Ones, m, packages| states.remove(&member(m)).unwrap().receive(packages).err().unwrap();
    assert_eq!(error(&mut states, 1, some.clone()), RoundError::Missing(vec![member(3)]));
    some.insert(member(4), three);
    some.remove(&member(2));
    assert_eq!(error(&mut states, 2, some), RoundError::NotAMember(member(4), 3));
    assert_eq!(error(&mut states, 3, firsts), RoundError::Own(member(3)));
    let quorum = Quorum::new(2, 3).unwrap();
    assert_eq!(
        dkg::start::<Signing>(quorum, member(4), &mut rng(1)).err().unwrap(),
        RoundError::NotAMember(member(4), 3)
    );
}

#[test]
fn a_member_may_stop_between_the_rounds() {
    let (states, firsts) = started(16);
    let states: Ones =
        states.into_iter().map(|(m, s)| (m, RoundOne::from_bytes(&s.to_bytes()).unwrap())).collect();
    let (twos, sent) = second_round(states, &firsts);
    for (m, two) in twos {
        let two: RoundTwo<Signing, Generation> = RoundTwo::from_bytes(&two.to_bytes()).unwrap();
        assert_eq!(two.member(), m);
        two.finish(&sent[&m]).unwrap();
    }
}

#[test]
fn everything_that_travels_survives_and_is_refused_for_anything_else() {
    let keys = generate::<Signing>(2, 3, 17);
    let group = keys.group.to_bytes();
    let share = keys.shares[&member(1)].to_bytes();
    assert_eq!(Group::<Signing>::from_bytes(&group).unwrap(), keys.group);
    Share::<Signing>::from_bytes(&share).unwrap().check(&keys.group).unwrap();

    // A share of one purpose is none of the other.
    assert_eq!(
        Share::<Decryption>::from_bytes(&share).err().unwrap(),
        DecodeError::OtherPurpose { what: "a share", purpose: "decryption" }
    );
    assert_eq!(
        Share::<Signing>::from_bytes(&group).err().unwrap().to_string(),
        "these bytes are the description of a group, and a share was expected"
    );
    // Trailing bytes, which the crate's own reader leaves unread.
    let longer = [group.as_slice(), &[0]].concat();
    assert_eq!(
        Group::<Signing>::from_bytes(&longer).err().unwrap(),
        DecodeError::NotCanonical("the description of a group")
    );
    let mut newer = group.clone();
    newer[4] = 9;
    assert!(Group::<Signing>::from_bytes(&newer).err().unwrap().to_string().contains("version 9"));
    assert!(matches!(Group::<Signing>::from_bytes(&vec![0; 1 << 20]), Err(DecodeError::TooLarge { .. })));
    assert!(matches!(Group::<Signing>::from_bytes(b""), Err(DecodeError::NotOurs(_))));
    assert!(matches!(Group::<Signing>::from_bytes(b"-----BEGIN CERTIFICATE"), Err(DecodeError::NotOurs(_))));

    let (_, commitment) = sign::commit(&keys.shares[&member(1)], &mut rng(1));
    assert_eq!(Commitment::from_bytes(&commitment.to_bytes()).unwrap(), commitment);
    assert!(PartialSignature::from_bytes(&commitment.to_bytes()).is_err());
}

#[test]
fn a_description_whose_parts_contradict_each_other_is_refused() {
    // The verifying share of member 1 in the place of that of member 2: some quorums would work, others not.
    let keys = generate::<Signing>(2, 3, 18);
    let bytes = keys.group.to_bytes();
    let other = generate::<Signing>(2, 3, 19).group.to_bytes();
    // Both have the same layout; take any 32 bytes in which they differ from the other.
    let mut accepted = 0;
    for start in 0..bytes.len() - 32 {
        let mut mixed = bytes.clone();
        mixed[start..start + 32].copy_from_slice(&other[start..start + 32]);
        if mixed != bytes && mixed != other && Group::<Signing>::from_bytes(&mixed).is_ok() {
            accepted += 1;
        }
    }
    assert_eq!(accepted, 0);
}
