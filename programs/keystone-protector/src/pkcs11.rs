//! A token that speaks PKCS#11 decrypts what was encrypted to an RSA key that never leaves it.
//!
//! RSA with OAEP, as that is what tokens have in common; with SHA-1 inside, which OAEP bears, because many have nothing else.

use std::path::Path;

use age::secrecy::SecretString;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::RvError;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use zeroize::Zeroizing;

use crate::error::ProtectorError;
use crate::identity::ShareIdentity;
use crate::slot::{Method, SlotKind};

const BITS: u64 = 3072;

fn failed(what: &str) -> impl FnOnce(cryptoki::error::Error) -> ProtectorError {
    move |error| device(format!("{what}: {error}"))
}

fn device(reason: String) -> ProtectorError {
    ProtectorError::Device { kind: SlotKind::Pkcs11, reason }
}

fn oaep() -> Mechanism<'static> {
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(
        MechanismType::SHA1,
        PkcsMgfType::MGF1_SHA1,
        PkcsOaepSource::empty(),
    ))
}

/// A key that only the token gives back, and how. The token makes a pair of its own for it, of that label.
pub fn seal(
    module: &Path,
    token: &str,
    pin: &SecretString,
    label: &str,
) -> Result<(Method, ShareIdentity), ProtectorError> {
    let key = ShareIdentity::generate();
    let (_context, session) = login(module, token, pin)?;
    if !find(&session, ObjectClass::PRIVATE_KEY, label)?.is_empty() {
        return Err(device(format!("it has a key `{label}` already")));
    }
    let id = label.as_bytes().to_vec();
    let public = [
        Attribute::Token(true),
        Attribute::Label(id.clone()),
        Attribute::Id(id.clone()),
        Attribute::Encrypt(true),
        Attribute::ModulusBits(BITS.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Label(id.clone()),
        Attribute::Id(id),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Decrypt(true),
    ];
    let (public, _) = session
        .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
        .map_err(failed("it makes no key"))?;
    let wrapped = session.encrypt(&oaep(), public, &key.bytes()?).map_err(failed("it does not encrypt"))?;
    let method = Method::Pkcs11 {
        module: module.to_owned(),
        token: token.to_owned(),
        key: label.to_owned(),
        wrapped: STANDARD.encode(wrapped),
    };
    Ok((method, key))
}

/// The key, by the token.
pub fn unseal(
    module: &Path,
    token: &str,
    label: &str,
    wrapped: &str,
    pin: &SecretString,
) -> Result<ShareIdentity, ProtectorError> {
    let damaged = || device("what it shall decrypt is damaged".to_owned());
    let wrapped = STANDARD.decode(wrapped).map_err(|_| damaged())?;
    let (_context, session) = login(module, token, pin)?;
    let keys = find(&session, ObjectClass::PRIVATE_KEY, label)?;
    let [key] = keys.as_slice() else {
        return Err(device(format!("it has {} keys `{label}`, and one is needed", keys.len())));
    };
    let bytes = session
        .decrypt(&oaep(), *key, &wrapped)
        .map(Zeroizing::new)
        .map_err(failed("it does not decrypt this"))?;
    ShareIdentity::from_bytes(&bytes).ok_or_else(damaged)
}

fn login(module: &Path, token: &str, pin: &SecretString) -> Result<(Pkcs11, Session), ProtectorError> {
    let context = Pkcs11::new(module)
        .map_err(|error| device(format!("`{}` is no module: {error}", module.display())))?;
    context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).or_else(
        |error| match error {
            // By this process, at an earlier slot.
            cryptoki::error::Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _) => Ok(()),
            other => Err(failed("the module does not start")(other)),
        },
    )?;
    let slots = context.get_slots_with_initialized_token().map_err(failed("no token"))?;
    let found = slots
        .into_iter()
        .find(|slot| context.get_token_info(*slot).is_ok_and(|info| info.label() == token))
        .ok_or_else(|| device(format!("there is no token `{token}`")))?;
    let session = context.open_rw_session(found).map_err(failed("no session"))?;
    session.login(UserType::User, Some(pin)).map_err(failed("the PIN is not the token's"))?;
    Ok((context, session))
}

fn find(session: &Session, class: ObjectClass, label: &str) -> Result<Vec<ObjectHandle>, ProtectorError> {
    session
        .find_objects(&[Attribute::Class(class), Attribute::Label(label.as_bytes().to_vec())])
        .map_err(failed("it does not list its keys"))
}
