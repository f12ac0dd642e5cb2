//! A custodian's part of opening a backup.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::decryption::{self, Header};
use keystone_pki::group::Decryption;
use keystone_protector::ShareIdentity;
use rand_core::OsRng;

use crate::act::Dangerous;
use crate::groups::{self, Kind};
use crate::node_key::hex;
use crate::primer::Primer;
use crate::rebuild::Rebuilt;
use crate::refusal::Refusal;

fn read(header: &str, stanza: usize) -> Result<(Header, decryption::Point), Refusal> {
    let refused =
        |error: &dyn std::fmt::Display| Refusal::new(format!("this primer opens no such file: {error}"));
    let bytes = STANDARD.decode(header).map_err(|_| refused(&"its header is damaged"))?;
    let header = Header::read(&bytes).map_err(|error| refused(&error))?;
    if header.bytes().len() != bytes.len() {
        return Err(refused(&"more than a header was sent"));
    }
    let point = header.point(stanza).map_err(|error| refused(&error))?;
    Ok((header, point))
}

/// SHA-256 of a header that was sent, as a custodian's summary shows it.
pub fn header_hash(header: &str) -> String {
    crate::node_key::hash(&STANDARD.decode(header).unwrap_or_default())
}

/// What a custodian says of a file. It sees the header and nothing of what is in it.
pub fn rebuild(
    primer: &Primer,
    generation: u32,
    header: &str,
    stanza: usize,
    claimed: &str,
) -> Result<Rebuilt, Refusal> {
    groups::of(&primer.inner().store, Kind::Backup, generation)?;
    let (header, _) = read(header, stanza)?;
    let summary = vec![
        format!("open a file that is, as is claimed and nothing proves: {claimed}"),
        format!(
            "its header has the SHA-256 {} and {} stanzas, of which number {stanza} would be opened",
            hex(&header.hash()),
            header.len()
        ),
        format!("whoever asks can then read all of it, if it is encrypted to the backup key G{generation}"),
    ];
    let unattended = primer.policy()?.unattended_acts.contains(&Dangerous::Decryption);
    Ok(Rebuilt { messages: Vec::new(), summary, unattended })
}

/// This primer's part, encrypted to the one who asked.
pub fn partial(
    primer: &Primer,
    key: &ShareIdentity,
    generation: u32,
    header: &str,
    stanza: usize,
    recipient: &str,
) -> Result<String, Refusal> {
    let (_, point) = read(header, stanza)?;
    let record = groups::of(&primer.inner().store, Kind::Backup, generation)?;
    let share = record.share::<Decryption>(key)?;
    let partial = decryption::partial(&share, &record.group()?, &point, &mut OsRng)
        .map_err(|error| Refusal::new(error.to_string()))?;
    groups::encrypt(recipient, &partial.to_bytes())
}
