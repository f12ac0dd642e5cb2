//! Slots around one key, as LUKS has them around the key of a disk.
//!
//! The key is a primer's *share identity*, with which its shares of the root of trust are encrypted. It exists in no
//! file in the clear: each [`Slot`] holds it encrypted in another way (a passphrase, a sheet of paper, a TPM, an HSM),
//! and any one of them opens it. At least two are wanted, the everyday one and a recovery slot that is kept elsewhere.
//!
//! What a slot holds is always an ordinary age file, so that it can be opened without this program.

#![forbid(unsafe_code)]

pub mod counter;
mod device;
mod error;
mod file;
mod identity;
mod paper;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod sealed;
mod slot;
mod slots;
#[cfg(feature = "tpm2")]
mod tpm2;

pub use error::ProtectorError;
pub use identity::ShareIdentity;
pub use paper::Paper;
pub use slot::{Method, Slot, SlotKind};
pub use slots::{Create, Created, Setting, Slots, Unlock};
