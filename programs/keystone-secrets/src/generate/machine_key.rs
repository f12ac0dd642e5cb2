//! Keys of Headscale and of relays.

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::memory::Plain;

/// `key.MachinePrivate` of Tailscale: 32 bytes of X25519, clamped, in hexadecimal digits behind `privkey:`.
///
/// # Errors
/// When the system has no random numbers, or memory has to be locked and cannot.
pub fn machine_key(require_lock: bool) -> Result<Plain, Error> {
    let mut key = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(key.as_mut_slice()).map_err(|_| Error::Random)?;
    key[0] &= 0b1111_1000;
    key[31] = (key[31] & 0b0111_1111) | 0b0100_0000;
    let text =
        Zeroizing::new(format!("privkey:{}", Zeroizing::new(crate::tree::hex(key.as_slice())).as_str()));
    Plain::of(text.as_bytes(), require_lock)
}
