//! The inventory of a cluster: its types, its service table, its rules and its schema.
//!
//! Pure: nothing here reads a file, opens a connection or creates a key. `Inventory::read` takes the bytes of
//! `hosts/cluster.toml` (or the same as JSON, as Nix hands it over) and gives either a [`Cluster`] on which every
//! rule of [`validate`] holds, or every mistake with its place, its value and what would be right.

pub mod intent;
mod problem;
mod redact;
pub mod replacement;
mod role;
pub mod schema;
pub mod secret;
pub mod service;
mod source;
mod tables;
mod trust;
mod types;
pub mod validate;

pub use problem::{At, Problem, Severity, Step};
pub use redact::{holds_private_key, redact};
pub use role::Role;
pub use source::{Finding, Format, Inventory, MAX_BYTES, ReadError};
pub use tables::*;
pub use trust::{Authority, KeyState, ServiceAccountKey, Trust, TrustError, recipients_file};
pub use types::*;

/// The example of the README, kept true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
