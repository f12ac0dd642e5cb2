//! Keys against an encoder that is not ours: the DER here is put together by hand, byte by byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at a surprise"
)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keystone_gen_oidc::jwks::Jwk;
use keystone_gen_oidc::key::{KeyError, PublicKey};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

fn field(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = body.len();
    if length < 128 {
        out.push(u8::try_from(length).unwrap());
    } else {
        let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | u8::try_from(bytes.len()).unwrap());
        out.extend(bytes);
    }
    out.extend(body);
    out
}

fn integer(magnitude: &[u8]) -> Vec<u8> {
    // A leading one bit would be a sign.
    if magnitude[0] & 0x80 == 0 { field(2, magnitude) } else { field(2, &[&[0], magnitude].concat()) }
}

fn public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let rsa_encryption = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let key = field(0x30, &[integer(modulus), integer(exponent)].concat());
    field(0x30, &[field(0x30, &rsa_encryption), field(3, &[&[0], key.as_slice()].concat())].concat())
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

fn modulus() -> impl Strategy<Value = Vec<u8>> {
    (1_u8.., prop::collection::vec(any::<u8>(), 256..600)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

proptest! {
    #[test]
    fn the_id_is_the_hash_of_the_key_encoded_by_hand(modulus in modulus(), exponent in 1_u32..0x3fff_ffff) {
        let exponent: Vec<u8> =
            (exponent * 2 + 1).to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        let der = public_key_info(&modulus, &exponent);
        let key = PublicKey::from_pem(&pem(&der)).unwrap();
        prop_assert_eq!(key.key_id(), URL_SAFE_NO_PAD.encode(Sha256::digest(&der)));
        prop_assert_eq!(key.modulus(), modulus.as_slice());
        prop_assert_eq!(key.exponent(), exponent.as_slice());
        let jwk = Jwk::of(&key);
        prop_assert_eq!(URL_SAFE_NO_PAD.decode(jwk.n).unwrap(), modulus);
        prop_assert_eq!(URL_SAFE_NO_PAD.decode(jwk.e).unwrap(), exponent);
    }

    #[test]
    fn short_keys_are_refused_with_their_length(length in 1_usize..256, first in 1_u8..) {
        let mut modulus = vec![0xff; length];
        modulus[0] = first;
        let bits = length * 8 - usize::try_from(first.leading_zeros()).unwrap();
        let found = PublicKey::from_der(&public_key_info(&modulus, &[1, 0, 1]));
        prop_assert_eq!(found, if bits < 2048 { Err(KeyError::Short { bits }) } else { unreachable!() });
    }

    #[test]
    fn damaged_keys_never_stop_the_reader(at in 0_usize..294, byte: u8, cut in 0_usize..294) {
        let mut der = public_key_info(&[0xc5; 256], &[1, 0, 1]);
        let whole = PublicKey::from_der(&der).unwrap();
        prop_assert!(PublicKey::from_der(&der[..cut]).is_err());
        let changed = der[at] != byte;
        der[at] = byte;
        if let Ok(key) = PublicKey::from_der(&der) {
            prop_assert_eq!(changed, key.key_id() != whole.key_id());
        }
    }

    #[test]
    fn no_text_stops_the_reader(text in "(-----BEGIN )?\\PC{0,200}(-----END PUBLIC KEY-----)?") {
        prop_assert!(PublicKey::from_pem(&text).is_err());
    }

    #[test]
    fn a_private_key_is_never_shown(body in "[A-Za-z0-9+/]{64}", label in "(RSA |EC |ENCRYPTED |OPENSSH |)PRIVATE KEY") {
        let error = PublicKey::from_pem(&format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----")).unwrap_err();
        prop_assert_eq!(&error, &KeyError::Private);
        prop_assert!(!error.to_string().contains(&body));
    }
}
