//! age files that only a quorum opens.
//!
//! The public half of a [`Decryption`](crate::group::Decryption) group is an ordinary `age1…` recipient: any age program
//! encrypts to it. To open such a file, each custodian multiplies the file's ephemeral point by its share, with a proof that it
//! used the share that the group's description names; any `k` results give the key of that one file. The private half of
//! the recipient exists nowhere, at no time.
//!
//! ```text
//! Header::read ── header ──▶ custodian: Header::point, partial ── Partial ──▶ Collection::add ──▶ Collection::file_identity
//! ```
//!
//! This composition is ours and unaudited (docs/decisions/0009-threshold-age.md). A custodian that multiplies whatever it is
//! sent would be an oracle, so it takes a whole header, not a point, and refuses points that are not of prime order.

mod header;
mod partial;
mod recipient;
mod rewrap;
mod unwrap;

pub use header::{Header, HeaderError, Point};
pub use partial::{Partial, PartialError, partial};
pub use recipient::recipient;
pub use rewrap::RewrapError;
pub use unwrap::{Collection, CollectionError, FileIdentity};
