//! The codec of ceremonies: session files, messages and frames of a connection. No bytes stop a reader, and none makes it
//! take more memory than a message may have.
#![no_main]

use keystone_primer::hostile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses the reader, so that one corpus serves all.
    let Some((first, bytes)) = data.split_first() else { return };
    match first % 3 {
        0 => {
            let _ = hostile::session_file(bytes);
        }
        1 => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                let _ = hostile::message(text);
            }
        }
        _ => {
            let _ = hostile::frame(bytes);
        }
    }
});
