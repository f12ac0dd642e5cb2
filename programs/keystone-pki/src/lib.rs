//! The root of trust of a cluster, as a library: pure functions and state machines.
//!
//! Nothing here reads a file, opens a connection, asks for the time or makes randomness: times and random number
//! generators are passed in. What must not be seen is erased when dropped, and cannot be printed.
//!
//! | module | what it has |
//! |---|---|
//! | [`group`] | threshold keys: making, signing, repairing and refreshing them |
//! | [`request`] | what a quorum is asked to sign, and how a custodian finds out by itself what that is |
//! | [`certificate`] | certificates, requests to sign, keys; an intermediate issues leaves |
//! | [`profile`] | the tables: who gets which certificate, who believes which |
//! | [`crl`] | lists of revoked certificates |
//! | [`decryption`] | age files that only a quorum opens |

#![forbid(unsafe_code)]

pub mod certificate;
pub mod crl;
pub mod decryption;
pub mod group;
pub mod profile;
pub mod request;
