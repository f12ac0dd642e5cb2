//! The report: one page that shows what a cluster is, who reaches what in it, and what was proven.
//!
//! The page needs nothing but itself: no request, no font, no script from elsewhere. It is read in full without
//! JavaScript, which adds the matrix's keys, its details on hover and focus, and the lookup by name. It holds no date,
//! so the same input gives the same bytes.

mod classes;
mod page;
mod reachability;
mod topology;
mod view;
mod wording;

use keystone_model::{Cluster, Finding, Proto};
use thiserror::Error;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// The text of `reachability.json`.
    pub reachability: &'a str,
    /// What looks like a mistake in the inventory and is none.
    pub warnings: &'a [Finding],
    /// The rendered files.
    pub files: &'a [File],
    /// What was proven.
    pub facts: &'a [Fact],
}

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path below the output folder, with `/`.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// Something that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What holds: `the policy opens exactly what the inventory means`.
    pub what: String,
    /// By what it was proven: `an independent reader compared 12 x 12 classes`.
    pub how: String,
}

/// Why there is no page.
#[derive(Debug, Error)]
pub enum Error {
    /// The matrix is not what `reachability.json` holds.
    #[error("reachability.json cannot be read: {0}")]
    Matrix(String),
    /// A class that is not listed.
    #[error("entry {index} of reachability.json names the class `{class}`, which is not among `classes`")]
    NoClass {
        /// Number of the entry, from 0.
        index: usize,
        /// The class.
        class: String,
    },
    /// A member of two classes.
    #[error(
        "`{member}` is in the classes `{first}` and `{second}` of reachability.json; a member is in exactly one"
    )]
    TwoClasses {
        /// The member.
        member: String,
        /// One class.
        first: String,
        /// The other.
        second: String,
    },
    /// Own devices of somebody else.
    #[error(
        "entry {index} of reachability.json is about own devices and goes from `{from}` to `{to}`; both must be the same class"
    )]
    OwnOfOthers {
        /// Number of the entry, from 0.
        index: usize,
        /// Its `from`.
        from: String,
        /// Its `to`.
        to: String,
    },
    /// ICMP with ports, or another transport without.
    #[error(
        "entry {index} of reachability.json has the wrong ports for {proto}; icmp has none, all others have some"
    )]
    PortsOf {
        /// Number of the entry, from 0.
        index: usize,
        /// Its transport.
        proto: Proto,
    },
    /// Two entries for the same.
    #[error(
        "entry {index} of reachability.json repeats one from `{from}` to `{to}`; write one per transport"
    )]
    Twice {
        /// Number of the entry, from 0.
        index: usize,
        /// Its `from`.
        from: String,
        /// Its `to`.
        to: String,
    },
    /// The template and the data disagree.
    #[error("the page cannot be rendered: {0}")]
    Template(String),
}

/// Renders the page.
///
/// # Errors
/// When the matrix cannot be read, contradicts itself, or the template does not fit the data.
pub fn report(input: &Input<'_>) -> Result<String, Error> {
    let matrix = reachability::Reachability::read(input.reachability)?;
    page::render(&view::View::of(input, &matrix))
}
