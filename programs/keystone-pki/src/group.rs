//! Threshold keys: made by all members together, used by `k` of `n` of them, never present in one place.
//!
//! FROST over Ed25519 (RFC 9591) of the crates `frost-core` and `frost-ed25519`. Everything here is a pure state machine:
//! bytes in, bytes out, randomness passed in; who carries the bytes, encrypts them to their addressee and signs them is the
//! caller. Types that hold a secret are erased when dropped and have neither `Debug` nor `Display`; nonces cannot be
//! serialised at all.
//!
//! | act | rounds | module |
//! |---|---|---|
//! | make a key | 2, with an echo of the first | [`dkg`] |
//! | sign | 2 | [`sign`] |
//! | give a member its lost share again | 2 | [`repair`] |
//! | replace all shares, same key | 2, with an echo of the first | [`refresh`] |
//! | decide who lied in a [`dkg`] | none | [`complaint`] |

pub(crate) mod codec;
pub mod complaint;
pub mod dkg;
mod keys;
mod member;
pub(crate) mod polynomial;
mod purpose;
mod quorum;
pub mod refresh;
pub mod repair;
mod rounds;
pub mod sign;

pub use codec::DecodeError;
pub use keys::{Group, GroupError, Share};
pub use member::Member;
pub use purpose::{Decryption, Purpose, Signing};
pub use quorum::{Quorum, QuorumError};
pub use rounds::{Act, Confirmed, Echo, Round1Package, Round2Package, RoundError, RoundOne, RoundTwo};

pub(crate) type Suite = frost_ed25519::Ed25519Sha512;
