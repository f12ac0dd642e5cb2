//! The public half, as age writes it.

use bech32::{Bech32, Hrp};
use curve25519_dalek::edwards::CompressedEdwardsY;

use crate::group::{Decryption, Group};

const PREFIX: Hrp = Hrp::parse_unchecked("age");

/// The recipient of a group, `age1…`, to which any age program encrypts.
#[must_use]
pub fn recipient(group: &Group<Decryption>) -> String {
    bech32::encode::<Bech32>(PREFIX, &montgomery(group)).unwrap_or_default()
}

/// The group's key as X25519 has it: the u-coordinate of the same point.
pub(super) fn montgomery(group: &Group<Decryption>) -> [u8; 32] {
    // A group's key was a point of prime order when the group was made or read.
    CompressedEdwardsY(*group.public_key())
        .decompress()
        .map(|point| point.to_montgomery().to_bytes())
        .unwrap_or_default()
}
