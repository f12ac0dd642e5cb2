//! The name of a key, computed a second way: another DER writer, from the bare numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first surprise, and nobody reads its interface"
)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keystone_gen_oidc::{Jwk, Jwks, KeyError, RsaKey};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use yasna::models::ObjectIdentifier;

const RSA: [u64; 7] = [1, 2, 840, 113_549, 1, 1, 1];

/// A `SubjectPublicKeyInfo` by RFC 8017, A.1.1 and RFC 3279, 2.3.1.
fn spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_bigint_bytes(modulus, true);
            writer.next().write_bigint_bytes(exponent, true);
        });
    });
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_oid(&ObjectIdentifier::from_slice(&RSA));
                writer.next().write_null();
            });
            writer.next().write_bitvec_bytes(&key, key.len() * 8);
        });
    })
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// Odd moduli of 2048 to 4096 bits, of every length in bits. Whether a modulus is a product of two primes, no relying
/// party can tell.
fn modulus() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any::<u8>(), 257..=512), 0..8_u32).prop_map(|(mut bytes, zeros)| {
        bytes[0] = (bytes[0] | 0x80) >> zeros;
        *bytes.last_mut().unwrap() |= 1;
        bytes
    })
}

/// Odd exponents of up to 31 bits, without leading zeros.
fn exponent() -> impl Strategy<Value = Vec<u8>> {
    (1..(1_u32 << 30)).prop_map(|n| {
        let bytes = (2 * n + 1).to_be_bytes();
        bytes[bytes.iter().position(|b| *b != 0).unwrap()..].to_vec()
    })
}

proptest! {
    #[test]
    fn a_key_is_named_as_another_der_writer_names_it(n in modulus(), e in exponent()) {
        // yasna writes the sign bit's octet by itself.
        let der = spki(&n, &e);
        let key = RsaKey::from_pem(&pem(&der)).unwrap();
        prop_assert_eq!(key.kid(), URL_SAFE_NO_PAD.encode(Sha256::digest(&der)));
        prop_assert_eq!((key.modulus(), key.exponent()), (&n[..], &e[..]));
        let jwk = Jwk::of(&key);
        prop_assert_eq!(URL_SAFE_NO_PAD.decode(&jwk.n).unwrap(), n);
        let jwks = Jwks { keys: vec![jwk] };
        prop_assert_eq!(jwks.check(), Ok(()));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,400}") {
        prop_assert!(RsaKey::from_pem(&text).is_err());
    }

    #[test]
    fn no_der_makes_the_reader_panic(n in modulus(), at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut der = spki(&n, &[1, 0, 1]);
        let at = at.index(der.len());
        let before = std::mem::replace(&mut der[at], value);
        let read = RsaKey::from_pem(&pem(&der));
        // What is still a key keeps the DER that it was read from, so it has the name of that DER.
        if let Ok(key) = read {
            prop_assert_eq!(key.kid(), URL_SAFE_NO_PAD.encode(Sha256::digest(&der)), "octet {} was {}", at, before);
        }
    }
}

#[test]
fn small_keys_and_odd_exponents_are_refused() {
    let n = |bytes: usize| [&vec![0xff_u8; bytes - 1][..], &[0xfd]].concat();
    let read = |n: &[u8], e: &[u8]| RsaKey::from_pem(&pem(&spki(n, e))).unwrap_err();
    assert_eq!(read(&n(255), &[1, 0, 1]), KeyError::TooSmall(2040));
    let mut one_bit_short = n(256);
    one_bit_short[0] = 0x7f;
    assert_eq!(read(&one_bit_short, &[1, 0, 1]), KeyError::TooSmall(2047));
    for e in [&[1][..], &[2], &[0, 0x80, 0, 0, 1][..], &[1, 0, 0, 0, 1], &[1, 0, 0]] {
        assert_eq!(read(&n(256), e), KeyError::Exponent, "{e:?}");
    }
    assert!(RsaKey::from_pem(&pem(&spki(&n(256), &[0x7f, 0xff, 0xff, 0xff]))).is_ok());
}

/// By `openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | basenc --base64url`.
#[test]
fn a_key_is_named_as_openssl_computes_it() {
    let names = [
        ("throw-away-rsa-2048-1", "675zfX2TRbOZXgzurzmGU_OdmXP0WCX5BTAfHP0sepU"),
        ("throw-away-rsa-2048-2", "O5oZuW4KV8ZPQclkw25yvYVPpAVDC-O_TemFyMuFKG4"),
        ("throw-away-rsa-2048-3", "qCalQfWK-BdK3TdakztyVHqjXmDQZTNcisQUDrEPyYA"),
    ];
    for (file, kid) in names {
        let path = format!("{}/tests/cases/keys/{file}.pub", env!("CARGO_MANIFEST_DIR"));
        let key = RsaKey::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(key.kid(), kid);
    }
}

#[test]
fn a_set_holds_each_of_1_to_100_keys_once() {
    let key = |n: u8| Jwk::of(&RsaKey::new(&[&vec![0xff_u8; 255][..], &[n]].concat(), &[1, 0, 1]).unwrap());
    let check = |keys: Vec<Jwk>| Jwks { keys }.check().map_err(|error| error.to_string());
    assert_eq!(check((0..100).map(key).collect()), Ok(()));
    assert_eq!(check(vec![]), Err("holds 0 keys; STS reads 1 to 100".to_owned()));
    assert_eq!(check((0..101).map(key).collect()), Err("holds 101 keys; STS reads 1 to 100".to_owned()));
    assert_eq!(check(vec![key(1), key(2), key(1)]), Err(format!("key `{}` is there twice", key(1).kid)));
}
