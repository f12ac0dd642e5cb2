//! The inventory reader on arbitrary bytes: it answers, every mistake has a place in the text and a fix, nothing
//! that a terminal would obey is repeated, and what is accepted survives the way through JSON.
#![no_main]

use keystone_model::{Finding, Format, Inventory, holds_private_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses the language, so that one corpus serves both.
    let Some((first, bytes)) = data.split_first() else { return };
    let format = if first % 2 == 0 { Format::Toml } else { Format::Json };
    match Inventory::read(bytes, format) {
        Err(error) => {
            assert!(!error.errors.is_empty());
            error.errors.iter().for_each(|finding| judge(finding, bytes));
        }
        Ok(inventory) => {
            inventory.warnings.iter().for_each(|finding| judge(finding, bytes));
            let json = serde_json::to_vec(&inventory.cluster).expect("a cluster is data");
            let again = Inventory::read(&json, Format::Json).expect("what was accepted is accepted as JSON");
            assert_eq!(again.cluster, inventory.cluster);
        }
    }
});

fn judge(finding: &Finding, bytes: &[u8]) {
    assert!(!finding.message.is_empty() && !finding.fix.is_empty(), "{finding:?}");
    for text in [&finding.path, &finding.message, &finding.fix] {
        assert!(!text.chars().any(char::is_control), "{finding:?}");
    }
    // Without its mask nothing is left of a key.
    assert!(!holds_private_key(&finding.message.replace('…', "")), "{finding:?}");
    if let Some(span) = &finding.span {
        let text = std::str::from_utf8(bytes).expect("spans are in texts");
        assert!(text.get(span.clone()).is_some(), "{finding:?}");
    }
}
