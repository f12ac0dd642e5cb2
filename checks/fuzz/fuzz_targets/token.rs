//! The reader of join tokens: no line stops it, and what it accepts is written again as it was.
#![no_main]

use keystone_primer::hostile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(again) = hostile::token(text) {
        assert_eq!(hostile::token(&again).as_deref(), Some(again.as_str()));
    }
});
