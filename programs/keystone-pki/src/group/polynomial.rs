//! Checks on shares in the open: what the crate checks too, but without saying whose fault a mismatch is.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity as _, IsIdentity as _};

use super::Member;

/// A point of prime order that is not the identity, from its 32 bytes. Everything else is refused: points off the curve,
/// points with a small-order part, the identity, and the other spellings of a point.
pub(crate) fn point(bytes: &[u8]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY::from_slice(bytes).ok()?.decompress()?;
    let fits = point.is_torsion_free() && !point.is_identity() && point.compress().as_bytes() == bytes;
    fits.then_some(point)
}

/// A scalar from its 32 bytes, written in the one way in which it may be.
pub(crate) fn scalar(bytes: &[u8]) -> Option<Scalar> {
    Scalar::from_canonical_bytes(bytes.try_into().ok()?).into()
}

/// The polynomial with these committed coefficients at a member: what times the base point its share must be.
pub(crate) fn at(coefficients: &[EdwardsPoint], member: Member) -> EdwardsPoint {
    let x = member.scalar();
    coefficients.iter().rev().fold(EdwardsPoint::identity(), |sum, c| sum * x + c)
}

/// The coefficient with which `member` enters the interpolation at `x` through `all`. `None` if `all` has not `member`.
pub(crate) fn lagrange(all: &[Member], member: Member, x: Scalar) -> Option<Scalar> {
    all.contains(&member).then(|| {
        all.iter().filter(|other| **other != member).fold(Scalar::ONE, |product, other| {
            product * (x - other.scalar()) * (member.scalar() - other.scalar()).invert()
        })
    })
}

/// The polynomial through `points`, at `x`.
pub(crate) fn interpolate(points: &[(Member, EdwardsPoint)], x: Scalar) -> EdwardsPoint {
    let all: Vec<Member> = points.iter().map(|(member, _)| *member).collect();
    points
        .iter()
        .filter_map(|(member, point)| lagrange(&all, *member, x).map(|l| point * l))
        .fold(EdwardsPoint::identity(), |sum, p| sum + p)
}
