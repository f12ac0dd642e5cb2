//! A TPM 2.0 keeps a key that it gives back only while its registers (PCRs) are as they were when it was sealed.
//!
//! The sealed object has a policy and no password: with the attribute `userWithAuth` a TPM would hand the key out without
//! any policy session, and the registers would mean nothing. The session is salted to the storage key, so that what comes
//! back is encrypted on its way to the processor too.
//!
//! Which device: `TPM2TOOLS_TCTI` or `TCTI`, as the tools of tpm2-software read them, otherwise `/dev/tpmrm0`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tss_esapi::Context;
use tss_esapi::attributes::{ObjectAttributesBuilder, SessionAttributesBuilder};
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle, SessionHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{
    Digest, EccPoint, KeyedHashScheme, PcrSelectionList, PcrSlot, Private, Public, PublicBuilder,
    PublicEccParametersBuilder, PublicKeyedHashParameters, SensitiveData, SymmetricDefinition,
    SymmetricDefinitionObject,
};
use tss_esapi::tcti_ldr::{DeviceConfig, TctiNameConf};
use tss_esapi::traits::{Marshall as _, UnMarshall as _};
use zeroize::Zeroizing;

use crate::error::ProtectorError;
use crate::identity::ShareIdentity;
use crate::slot::{Method, SlotKind};

pub mod counter;

const DEVICE: &str = "/dev/tpmrm0";

fn failed(what: &str) -> impl FnOnce(tss_esapi::Error) -> ProtectorError {
    move |error| device(format!("{what}: {error}"))
}

fn device(reason: String) -> ProtectorError {
    ProtectorError::Device { kind: SlotKind::Tpm2, reason }
}

/// A key that only the TPM gives back, and how.
pub fn seal(pcrs: &[u8]) -> Result<(Method, ShareIdentity), ProtectorError> {
    let key = ShareIdentity::generate();
    let selection = selection(pcrs)?;
    with_storage_key(|context, parent| {
        let digest = policy(context, parent, &selection)?;
        let attributes = ObjectAttributesBuilder::new()
            .with_fixed_tpm(true)
            .with_fixed_parent(true)
            // Wrong registers are no guesses at a password, and must not lock the TPM.
            .with_no_da(true)
            .build()
            .map_err(failed("attributes"))?;
        let template = PublicBuilder::new()
            .with_public_algorithm(PublicAlgorithm::KeyedHash)
            .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
            .with_object_attributes(attributes)
            .with_auth_policy(digest)
            .with_keyed_hash_parameters(PublicKeyedHashParameters::new(KeyedHashScheme::Null))
            .with_keyed_hash_unique_identifier(Digest::default())
            .build()
            .map_err(failed("template"))?;
        let secret = SensitiveData::try_from(key.bytes()?.to_vec()).map_err(failed("key"))?;
        let made = with_session(context, parent, SessionType::Hmac, |context, session| {
            context
                .execute_with_sessions((Some(AuthSession::Password), Some(session), None), |context| {
                    context.create(parent, template, None, Some(secret), None, None)
                })
                .map_err(failed("seal"))
        })?;
        let public = made.out_public.marshall().map_err(failed("seal"))?;
        Ok(Method::Tpm2 {
            public: STANDARD.encode(public),
            private: STANDARD.encode(made.out_private.value()),
            pcrs: pcrs.to_vec(),
        })
    })
    .map(|method| (method, key))
}

/// The key, if the registers are as they were.
pub fn unseal(public: &str, private: &str, pcrs: &[u8]) -> Result<ShareIdentity, ProtectorError> {
    let damaged = || device("the sealed object is damaged".to_owned());
    let public = STANDARD.decode(public).map_err(|_| damaged())?;
    let public = Public::unmarshall(&public).map_err(|_| damaged())?;
    let private = STANDARD.decode(private).map_err(|_| damaged())?;
    let private = Private::try_from(private).map_err(|_| damaged())?;
    let selection = selection(pcrs)?;
    let bytes = with_storage_key(|context, parent| {
        let object = context
            .execute_with_session(Some(AuthSession::Password), |context| {
                context.load(parent, private, public)
            })
            .map_err(failed("it is of another TPM, or of this one before it was cleared"))?;
        let unsealed = with_session(context, parent, SessionType::Policy, |context, session| {
            let policy = PolicySession::try_from(session).map_err(failed("session"))?;
            context
                .policy_pcr(policy, Digest::default(), selection)
                .and_then(|()| {
                    context.execute_with_session(Some(session), |context| context.unseal(object.into()))
                })
                .map_err(failed("the machine is not in the state in which the slot was sealed"))
        });
        flush(context, object.into());
        unsealed.map(|data| Zeroizing::new(data.value().to_vec()))
    })?;
    ShareIdentity::from_bytes(&bytes).ok_or_else(damaged)
}

fn selection(pcrs: &[u8]) -> Result<PcrSelectionList, ProtectorError> {
    if pcrs.is_empty() {
        return Err(device("no register is named, so it would give the key to whoever asks".to_owned()));
    }
    let slots = pcrs
        .iter()
        .map(|number| {
            1_u32
                .checked_shl(u32::from(*number))
                .and_then(|bit| PcrSlot::try_from(bit).ok())
                .ok_or_else(|| device(format!("there is no register {number}; they are 0 to 23")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    PcrSelectionList::builder()
        .with_selection(HashingAlgorithm::Sha256, &slots)
        .build()
        .map_err(failed("registers"))
}

/// The digest of the policy: the registers, as they are now.
fn policy(
    context: &mut Context,
    parent: KeyHandle,
    selection: &PcrSelectionList,
) -> Result<Digest, ProtectorError> {
    with_session(context, parent, SessionType::Trial, |context, session| {
        let trial = PolicySession::try_from(session).map_err(failed("session"))?;
        context
            .policy_pcr(trial, Digest::default(), selection.clone())
            .and_then(|()| context.policy_get_digest(trial))
            .map_err(failed("registers"))
    })
}

fn connect() -> Result<Context, ProtectorError> {
    let device = TctiNameConf::from_environment_variable()
        .or_else(|_| DEVICE.parse::<DeviceConfig>().map(TctiNameConf::Device))
        .map_err(failed("no TPM"))?;
    Context::new(device).map_err(failed("no TPM answers"))
}

/// Does something below the storage key, which the TPM makes anew each time: the same one until it is cleared.
fn with_storage_key<T>(
    work: impl FnOnce(&mut Context, KeyHandle) -> Result<T, ProtectorError>,
) -> Result<T, ProtectorError> {
    let mut context = connect()?;
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_decrypt(true)
        .with_restricted(true)
        .build()
        .map_err(failed("attributes"))?;
    let parameters = PublicEccParametersBuilder::new_restricted_decryption_key(
        SymmetricDefinitionObject::AES_128_CFB,
        EccCurve::NistP256,
    )
    .build()
    .map_err(failed("template"))?;
    let template = PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_ecc_parameters(parameters)
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
        .map_err(failed("template"))?;
    let made = context
        .execute_with_session(Some(AuthSession::Password), |context| {
            context.create_primary(Hierarchy::Owner, template, None, None, None, None)
        })
        .map_err(failed("storage key"))?;
    let done = work(&mut context, made.key_handle);
    flush(&mut context, made.key_handle.into());
    done
}

/// Does something in a session whose secret only this process and the TPM know.
fn with_session<T>(
    context: &mut Context,
    salt: KeyHandle,
    kind: SessionType,
    work: impl FnOnce(&mut Context, AuthSession) -> Result<T, ProtectorError>,
) -> Result<T, ProtectorError> {
    let session = context
        .start_auth_session(
            Some(salt),
            None,
            None,
            kind,
            SymmetricDefinition::AES_128_CFB,
            HashingAlgorithm::Sha256,
        )
        .map_err(failed("session"))?
        .ok_or_else(|| device("it gave no session".to_owned()))?;
    let (attributes, mask) = SessionAttributesBuilder::new()
        .with_decrypt(true)
        .with_encrypt(true)
        .with_continue_session(true)
        .build();
    let done = context
        .tr_sess_set_attributes(session, attributes, mask)
        .map_err(failed("session"))
        .and_then(|()| work(context, session));
    flush(context, SessionHandle::from(session).into());
    done
}

/// A TPM has room for three objects; without a resource manager they stay until they are flushed.
fn flush(context: &mut Context, handle: ObjectHandle) {
    // One that is gone already is what is wanted.
    let _ = context.flush_context(handle);
}
