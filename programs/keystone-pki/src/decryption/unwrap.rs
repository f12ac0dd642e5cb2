//! From `k` partials to the key of one file, and to age's own reader.

use std::collections::BTreeMap;

use age_core::format::{FileKey, Stanza};
use age_core::primitives::{aead_decrypt, hkdf};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use thiserror::Error;
use zeroize::Zeroizing;

use super::header::Point;
use super::partial::Partial;
use super::recipient::montgomery;
use crate::group::{Decryption, Group, Member, polynomial};

/// What age derives the wrapping key with (its specification, recipient type X25519).
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";

/// Why the file does not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CollectionError {
    /// Somebody that the group does not have.
    #[error("{0} is not in the group")]
    NotAMember(Member),
    /// A partial whose proof does not hold: the member is wrong.
    #[error("the partial decryption of {0} is not made with its share; take another member in its place")]
    Liar(Member),
    /// Not enough yet.
    #[error("{found} partial decryptions are here, and {needed} are needed")]
    TooFew {
        /// How many are here.
        found: usize,
        /// How many are needed.
        needed: u16,
    },
    /// The stanza is for somebody else.
    #[error("the stanza is not for this group; try the next one")]
    NotForUs,
}

/// Collects partials for one stanza, checks each as it comes, and names who lied. It needs no secret.
pub struct Collection<'g> {
    group: &'g Group<Decryption>,
    point: Point,
    partials: BTreeMap<Member, Partial>,
}

impl<'g> Collection<'g> {
    /// Starts for one stanza.
    #[must_use]
    pub const fn new(group: &'g Group<Decryption>, point: Point) -> Self {
        Self { group, point, partials: BTreeMap::new() }
    }

    /// Takes a partial, after checking it.
    ///
    /// # Errors
    /// [`CollectionError::Liar`] when its proof does not hold.
    pub fn add(&mut self, member: Member, partial: Partial) -> Result<(), CollectionError> {
        if self.group.verifying_share(member).is_none() {
            return Err(CollectionError::NotAMember(member));
        }
        if !partial.verify(member, self.group, &self.point) {
            return Err(CollectionError::Liar(member));
        }
        self.partials.insert(member, partial);
        Ok(())
    }

    /// Whether as many are here as are needed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.partials.len() >= usize::from(self.group.quorum().needed())
    }

    /// What opens the file, for age's own reader. It opens this one file, and says nothing about another.
    ///
    /// # Errors
    /// When partials are missing, or the stanza is for somebody else.
    pub fn file_identity(&self) -> Result<FileIdentity, CollectionError> {
        let needed = self.group.quorum().needed();
        if !self.is_complete() {
            return Err(CollectionError::TooFew { found: self.partials.len(), needed });
        }
        let used: Vec<(Member, EdwardsPoint)> =
            self.partials.iter().take(usize::from(needed)).map(|(m, p)| (*m, p.product)).collect();
        let shared = Zeroizing::new(polynomial::interpolate(&used, Scalar::ZERO).to_montgomery().to_bytes());
        let salt = [self.point.share, montgomery(self.group)].concat();
        let key = Zeroizing::new(hkdf(&salt, LABEL, shared.as_slice()));
        let identity = FileIdentity { share: self.point.share, body: self.point.body.clone(), key };
        identity.open().map(|_| identity).ok_or(CollectionError::NotForUs)
    }
}

/// Opens one file, as an identity of the crate `age`. Erased when dropped.
pub struct FileIdentity {
    share: [u8; 32],
    body: Vec<u8>,
    key: Zeroizing<[u8; 32]>,
}

impl FileIdentity {
    /// Whether that is the stanza.
    pub(super) fn opens(&self, stanza: &Stanza) -> bool {
        let share = match stanza.args.as_slice() {
            [share] if stanza.tag == "X25519" => STANDARD_NO_PAD.decode(share).ok(),
            _ => None,
        };
        share.is_some_and(|share| share == self.share) && stanza.body == self.body
    }

    pub(super) fn open(&self) -> Option<FileKey> {
        let plain = Zeroizing::new(aead_decrypt(&self.key, 16, &self.body).ok()?);
        let bytes: [u8; 16] = plain.as_slice().try_into().ok()?;
        Some(FileKey::init_with_mut(|key| key.copy_from_slice(&bytes)))
    }
}

impl age::Identity for FileIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.opens(stanza).then_some(())?;
        Some(self.open().ok_or(age::DecryptError::DecryptionFailed))
    }
}
