//! The counter, by a TPM.

use tss_esapi::Context;
use tss_esapi::attributes::NvIndexAttributesBuilder;
use tss_esapi::constants::{CapabilityType, NvIndexType};
use tss_esapi::handles::{NvIndexHandle, NvIndexTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::resource_handles::{NvAuth, Provision};
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{CapabilityData, NvPublicBuilder};

use super::{connect, device, failed};
use crate::error::ProtectorError;

/// In the range of the owner (TCG registry of reserved handles: 01800000 to 01BFFFFF), «KS».
const INDEX: u32 = 0x0180_4b53;
/// A counter has 64 bits.
const BYTES: u16 = 8;

/// Its value.
pub fn read() -> Result<Option<u64>, ProtectorError> {
    let mut context = connect()?;
    find(&mut context)?.map(|counter| value(&mut context, counter)).transpose()
}

/// Makes it, if it is not there.
pub fn begin() -> Result<u64, ProtectorError> {
    let mut context = connect()?;
    if let Some(counter) = find(&mut context)? {
        return value(&mut context, counter);
    }
    let attributes = NvIndexAttributesBuilder::new()
        .with_nv_index_type(NvIndexType::Counter)
        .with_auth_read(true)
        .with_auth_write(true)
        // Nothing is guessed here that could lock the TPM.
        .with_no_da(true)
        .build()
        .map_err(failed("attributes"))?;
    let public = NvPublicBuilder::new()
        .with_nv_index(index()?)
        .with_index_name_algorithm(HashingAlgorithm::Sha256)
        .with_index_attributes(attributes)
        .with_data_area_size(usize::from(BYTES))
        .build()
        .map_err(failed("counter"))?;
    let counter = context
        .execute_with_session(Some(AuthSession::Password), |context| {
            context.nv_define_space(Provision::Owner, None, public)
        })
        .map_err(failed("it lets nobody make a counter"))?;
    count(&mut context, counter)
}

/// Counts one.
pub fn advance() -> Result<u64, ProtectorError> {
    let mut context = connect()?;
    match find(&mut context)? {
        Some(counter) => count(&mut context, counter),
        None => Err(device("it has no counter of this primer".to_owned())),
    }
}

fn index() -> Result<NvIndexTpmHandle, ProtectorError> {
    NvIndexTpmHandle::new(INDEX).map_err(failed("counter"))
}

fn find(context: &mut Context) -> Result<Option<NvIndexHandle>, ProtectorError> {
    let index = TpmHandle::from(index()?);
    let (listed, _) = context.get_capability(CapabilityType::Handles, INDEX, 1).map_err(failed("counter"))?;
    match listed {
        CapabilityData::Handles(list) if list.iter().any(|one| *one == index) => {
            let object = context.tr_from_tpm_public(index).map_err(failed("counter"))?;
            Ok(Some(NvIndexHandle::from(object)))
        }
        _ => Ok(None),
    }
}

fn count(context: &mut Context, counter: NvIndexHandle) -> Result<u64, ProtectorError> {
    context
        .execute_with_session(Some(AuthSession::Password), |context| {
            context.nv_increment(NvAuth::NvIndex(counter), counter)
        })
        .map_err(failed("counter"))?;
    value(context, counter)
}

fn value(context: &mut Context, counter: NvIndexHandle) -> Result<u64, ProtectorError> {
    let bytes = context
        .execute_with_session(Some(AuthSession::Password), |context| {
            context.nv_read(NvAuth::NvIndex(counter), counter, BYTES, 0)
        })
        .map_err(failed("counter"))?;
    let bytes =
        <[u8; 8]>::try_from(bytes.value()).map_err(|_| device("its counter is damaged".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}
