//! age files to a group's recipient: any quorum opens them, no smaller one does, liars and hostile headers are refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use common::{Keys, generate, member, refreshed, rng};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use keystone_pki::decryption::{
    Collection, CollectionError, FileIdentity, Header, HeaderError, Partial, RewrapError, partial, recipient,
};
use keystone_pki::group::Decryption;

const TEXT: &[u8] = b"the whole cluster, on one disk";

fn encrypt(recipients: &[String]) -> Vec<u8> {
    let recipients: Vec<age::x25519::Recipient> = recipients.iter().map(|r| r.parse().unwrap()).collect();
    let encryptor =
        age::Encryptor::with_recipients(recipients.iter().map(|r| r as &dyn age::Recipient)).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(TEXT).unwrap();
    writer.finish().unwrap();
    file
}

fn part(keys: &Keys<Decryption>, number: u16, header: &Header, stanza: usize) -> Partial {
    let point = header.point(stanza).unwrap();
    let made =
        partial(&keys.shares[&member(number)], &keys.group, &point, &mut rng(u64::from(number))).unwrap();
    Partial::from_bytes(&made.to_bytes()).unwrap()
}

fn open(keys: &Keys<Decryption>, members: &[u16], file: &[u8]) -> Result<Vec<u8>, CollectionError> {
    let header = Header::read(file).unwrap();
    let mut last = CollectionError::NotForUs;
    for stanza in header.candidates() {
        let mut collection = Collection::new(&keys.group, header.point(stanza).unwrap());
        for number in members {
            collection.add(member(*number), part(keys, *number, &header, stanza))?;
        }
        match collection.file_identity() {
            Ok(identity) => {
                let decryptor = age::Decryptor::new(file).unwrap();
                let mut text = Vec::new();
                let identity: &dyn age::Identity = &identity;
                decryptor.decrypt(std::iter::once(identity)).unwrap().read_to_end(&mut text).unwrap();
                return Ok(text);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[test]
fn any_quorum_opens_a_file_and_one_member_does_not() {
    let keys = generate::<Decryption>(2, 3, 1);
    let file = encrypt(&[recipient(&keys.group)]);
    for pair in [[1, 2], [1, 3], [2, 3]] {
        assert_eq!(open(&keys, &pair, &file).unwrap(), TEXT);
    }
    assert_eq!(open(&keys, &[1, 2, 3], &file).unwrap(), TEXT);
    for single in 1..=3 {
        assert_eq!(open(&keys, &[single], &file), Err(CollectionError::TooFew { found: 1, needed: 2 }));
    }
    let large = generate::<Decryption>(4, 5, 2);
    let file = encrypt(&[recipient(&large.group)]);
    assert_eq!(open(&large, &[1, 2, 4, 5], &file).unwrap(), TEXT);
    assert!(open(&large, &[1, 2, 4], &file).is_err());
}

#[test]
fn a_file_for_several_is_found_among_them_and_one_for_others_is_not_opened() {
    let keys = generate::<Decryption>(2, 3, 3);
    let other = generate::<Decryption>(2, 3, 4);
    let person = age::x25519::Identity::generate().to_public().to_string();
    let file = encrypt(&[person, recipient(&other.group), recipient(&keys.group)]);
    assert_eq!(open(&keys, &[1, 3], &file).unwrap(), TEXT);
    assert_eq!(open(&other, &[1, 3], &file).unwrap(), TEXT);
    let file = encrypt(&[recipient(&other.group)]);
    assert_eq!(open(&keys, &[1, 2], &file), Err(CollectionError::NotForUs));
}

#[test]
fn a_refreshed_group_opens_old_files() {
    let keys = generate::<Decryption>(2, 3, 5);
    let file = encrypt(&[recipient(&keys.group)]);
    let new = refreshed(&keys, 6);
    assert_eq!(recipient(&new.group), recipient(&keys.group));
    assert_eq!(open(&new, &[2, 3], &file).unwrap(), TEXT);
}

/// What opens the stanza, by the first two members.
fn identity(keys: &Keys<Decryption>, header: &Header, stanza: usize) -> FileIdentity {
    let mut collection = Collection::new(&keys.group, header.point(stanza).unwrap());
    for number in [1, 2] {
        collection.add(member(number), part(keys, number, header, stanza)).unwrap();
    }
    collection.file_identity().unwrap()
}

fn decrypted(file: &[u8], identity: &dyn age::Identity) -> Result<Vec<u8>, String> {
    let decryptor = age::Decryptor::new(file).map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    let mut reader = decryptor.decrypt(std::iter::once(identity)).map_err(|error| error.to_string())?;
    reader.read_to_end(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

#[test]
fn a_header_is_wrapped_anew_for_another_group_and_the_file_stays() {
    let (old, new) = (generate::<Decryption>(2, 3, 11), generate::<Decryption>(2, 3, 12));
    let person = age::x25519::Identity::generate();
    let file = encrypt(&[person.to_public().to_string(), recipient(&old.group)]);
    let header = Header::read(&file).unwrap();
    // Some programs add a stanza that nobody knows, to keep readers honest.
    let stanza = header.candidates().nth(1).unwrap();
    let identity = identity(&old, &header, stanza);
    let wrapped = header.rewrap(stanza, &identity, &recipient(&new.group)).unwrap();
    let again = [wrapped.bytes(), &file[header.bytes().len()..]].concat();

    assert_eq!(open(&new, &[2, 3], &again).unwrap(), TEXT);
    assert_eq!(open(&old, &[1, 2], &again), Err(CollectionError::NotForUs));
    assert_eq!(decrypted(&again, &person).unwrap(), TEXT, "the others stay");
    assert_eq!(wrapped.len(), header.len());
    assert_ne!(wrapped.hash(), header.hash());

    // For somebody with a key of his own, whom the program age knows.
    let other = age::x25519::Identity::generate();
    let wrapped = header.rewrap(stanza, &identity, &other.to_public().to_string()).unwrap();
    let again = [wrapped.bytes(), &file[header.bytes().len()..]].concat();
    assert_eq!(decrypted(&again, &other).unwrap(), TEXT);
}

#[test]
fn a_header_that_was_changed_is_not_wrapped_anew() {
    let keys = generate::<Decryption>(2, 3, 13);
    let file = encrypt(&[recipient(&keys.group)]);
    let header = Header::read(&file).unwrap();
    let stanza = header.candidates().next().unwrap();
    let identity = identity(&keys, &header, stanza);
    let to = age::x25519::Identity::generate().to_public().to_string();

    // A stanza more, which the header's check does not cover.
    let text = String::from_utf8(header.bytes().to_vec()).unwrap();
    let (start, check) = text.split_at(text.rfind("---").unwrap());
    let more = format!("{start}-> X25519 {}\n{}\n{check}", "A".repeat(43), "A".repeat(43));
    let changed = Header::read(more.as_bytes()).unwrap();
    let error = changed.rewrap(stanza, &identity, &to).unwrap_err();
    assert_eq!(error.to_string(), "the header was changed after it was written: its check does not hold");

    let other = encrypt(&[recipient(&keys.group)]);
    let other = Header::read(&other).unwrap();
    let error = other.rewrap(stanza, &identity, &to).unwrap_err();
    assert_eq!(error.to_string(), "the file was not opened by that stanza");
    assert_eq!(header.rewrap(9, &identity, &to), Err(RewrapError::NotOpened));
    let error = header.rewrap(stanza, &identity, "age1nobody").unwrap_err();
    assert_eq!(error.to_string(), "`age1nobody` is no recipient `age1…`");
}

#[test]
fn the_program_age_encrypts_to_a_group() {
    let keys = generate::<Decryption>(2, 3, 7);
    let run = |program: &str| {
        let mut child = Command::new(program)
            .args(["-r", &recipient(&keys.group)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        child.stdin.take().unwrap().write_all(TEXT).unwrap();
        Some(child.wait_with_output().unwrap().stdout)
    };
    let mut tried = 0;
    for program in ["age", "rage"] {
        if let Some(file) = run(program) {
            assert_eq!(open(&keys, &[1, 3], &file).unwrap(), TEXT, "{program}");
            tried += 1;
        }
    }
    if tried == 0 {
        eprintln!("neither age nor rage is on PATH; only the crate was tried");
    }
}

#[test]
fn a_liar_is_named() {
    let keys = generate::<Decryption>(2, 3, 8);
    let file = encrypt(&[recipient(&keys.group), recipient(&keys.group)]);
    let header = Header::read(&file).unwrap();
    let mut collection = Collection::new(&keys.group, header.point(0).unwrap());
    // The part of another stanza, and that of another member.
    let wrong = part(&keys, 2, &header, 1);
    assert_eq!(collection.add(member(2), wrong), Err(CollectionError::Liar(member(2))));
    let borrowed = part(&keys, 1, &header, 0);
    assert_eq!(collection.add(member(3), borrowed), Err(CollectionError::Liar(member(3))));
    assert_eq!(
        collection.add(member(4), part(&keys, 1, &header, 0)),
        Err(CollectionError::NotAMember(member(4)))
    );
    // Any other byte in a part is noticed: it does not read, or its proof does not hold.
    let right = part(&keys, 2, &header, 0);
    let bytes = right.to_bytes();
    for n in 7..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[n] ^= 1;
        if let Ok(changed) = Partial::from_bytes(&changed) {
            assert_eq!(collection.add(member(2), changed), Err(CollectionError::Liar(member(2))), "byte {n}");
        }
    }
    collection.add(member(2), right).unwrap();
    assert!(!collection.is_complete());
    collection.add(member(1), part(&keys, 1, &header, 0)).unwrap();
    collection.file_identity().unwrap();
}

#[test]
fn a_part_opens_one_file_only() {
    let keys = generate::<Decryption>(2, 3, 9);
    let (one, two) = (encrypt(&[recipient(&keys.group)]), encrypt(&[recipient(&keys.group)]));
    let header = Header::read(&one).unwrap();
    let mut collection = Collection::new(&keys.group, header.point(0).unwrap());
    for n in [1, 2] {
        collection.add(member(n), part(&keys, n, &header, 0)).unwrap();
    }
    let identity = collection.file_identity().unwrap();
    let decryptor = age::Decryptor::new(two.as_slice()).unwrap();
    let identity: &dyn age::Identity = &identity;
    assert!(decryptor.decrypt(std::iter::once(identity)).is_err());
}

/// A header with this value in its stanza.
fn header(share: [u8; 32]) -> Header {
    let text = format!(
        "age-encryption.org/v1\n-> X25519 {}\n{}\n--- {}\n",
        STANDARD_NO_PAD.encode(share),
        STANDARD_NO_PAD.encode([7; 32]),
        STANDARD_NO_PAD.encode([8; 32])
    );
    Header::read(text.as_bytes()).unwrap()
}

#[test]
fn points_that_would_tell_something_about_a_share_are_refused() {
    let right = EdwardsPoint::mul_base(&Scalar::from(12345_u32));
    header(right.to_montgomery().0).point(0).unwrap();

    // Every point of small order, as X25519 writes them.
    for torsion in EIGHT_TORSION {
        assert!(header(torsion.to_montgomery().0).point(0).is_err());
        // And a good point with such a part: its multiples tell the share modulo 8.
        if torsion != EIGHT_TORSION[0] {
            let mixed = header((right + torsion).to_montgomery().0);
            assert_eq!(mixed.point(0).err(), Some(HeaderError::SmallOrder(0)));
        }
    }
    // The known list, with the spellings beyond the prime.
    for first in [0, 1] {
        let mut share = [0; 32];
        share[0] = first;
        assert!(header(share).point(0).is_err());
    }
    for first in [0xec, 0xed, 0xee] {
        let mut share = [0xff; 32];
        (share[0], share[31]) = (first, 0x7f);
        assert!(header(share).point(0).is_err());
    }
    // Half of all numbers are on the twist.
    let (mut twists, mut curve) = (0, 0);
    for n in 2..200_u8 {
        let mut share = [0; 32];
        share[0] = n;
        let on_curve = MontgomeryPoint(share).to_edwards(0).is_some();
        match header(share).point(0) {
            Err(HeaderError::Twist(0)) => twists += usize::from(!on_curve),
            Ok(_) | Err(HeaderError::SmallOrder(0)) => curve += usize::from(on_curve),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(twists > 50 && curve > 50 && twists + curve == 198, "{twists} {curve}");
    // The same point with the bit that X25519 ignores.
    let mut share = right.to_montgomery().0;
    share[31] |= 0x80;
    assert!(header(share).point(0).is_err());
}

#[test]
fn headers_that_are_none_are_refused() {
    let keys = generate::<Decryption>(2, 3, 10);
    let file = encrypt(&[recipient(&keys.group)]);
    let header = Header::read(&file).unwrap();
    assert!(file.starts_with(header.bytes()) && header.bytes().ends_with(b"\n"));
    assert_ne!(header.hash(), [0; 32]);
    for length in 0..header.bytes().len() {
        assert_eq!(Header::read(&file[..length]), Err(HeaderError::NotAge), "{length} bytes");
    }
    assert_eq!(Header::read(b"-----BEGIN AGE ENCRYPTED FILE-----\n"), Err(HeaderError::Armored));
    let endless = [b"age-encryption.org/v1\n".as_slice(), &b"-> X25519 a\n\n".repeat(1 << 16)].concat();
    assert_eq!(Header::read(&endless), Err(HeaderError::NotAge));
    let other = b"age-encryption.org/v1\n-> scrypt a 18\n\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    assert_eq!(Header::read(other).unwrap().point(0).err(), Some(HeaderError::OtherKind(0)));
}
