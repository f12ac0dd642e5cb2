//! Who gets which certificate: one table, from which leaves are made and the reference page is written.
//!
//! A certificate's subject, names and usages follow from a row of [`PROFILES`] and from the inventory, never from what
//! somebody asks for.

mod authority;
mod consumer;
mod identity;
mod leaf;
mod reference;

pub use authority::{
    CROSS_DAYS, INTERMEDIATE_DAYS, INTERMEDIATE_PATH_LENGTH, INTERMEDIATES, MAX_SUCCESSORS, ROOT_DAYS,
    ROOT_PATH_LENGTH, constraints, intermediate_authority, intermediate_subject, root_subject,
};
pub use consumer::{CONSUMERS, Consumer, Revocation};
pub use identity::{Holder, Identity, IdentityError, identities};
pub use leaf::{Holders, Name, PROFILES, Profile, Word};
pub use reference::reference;
