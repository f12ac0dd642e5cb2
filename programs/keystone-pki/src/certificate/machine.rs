//! How our own programs believe a machine: its leaf `node`, signed by a node intermediate of the bundle or directly by the
//! root, and by nobody else. A certificate of the same name below another intermediate is worth nothing here.

use thiserror::Error;

use super::{Certificate, Kind, Subject, Time, Usage, Validity};
use crate::crl::RevocationList;
use crate::profile::intermediate_authority;
use keystone_model::Authority;

/// Whom a program believes.
#[derive(Debug, Clone, Copy)]
pub struct MachineTrust<'t> {
    /// The node intermediates: the one in use and its successors. Others are passed over.
    pub nodes: &'t [Certificate],
    /// The roots, for leaves that a quorum signed directly.
    pub roots: &'t [Certificate],
    /// Lists of what these have revoked. An issuer without a list has revoked nothing.
    pub lists: &'t [RevocationList],
}

/// Why a machine is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MachineError {
    /// Neither a node intermediate nor a root signed it.
    #[error("`{0}` was signed neither by a node intermediate of the bundle nor by the root")]
    Issuer(Subject),
    /// Not the leaf of a machine, or not for this side of a connection.
    #[error("`{0}` is not the certificate of a machine for this side of a connection")]
    NotAMachine(Subject),
    /// The certificate or its issuer's is too old or too new.
    #[error("`{subject}` is good {validity}, and it is {now}; renew it, or set the clock")]
    Time {
        /// Whose certificate.
        subject: Subject,
        /// From when until when.
        validity: Validity,
        /// The clock.
        now: Time,
    },
    /// It is on its issuer's list.
    #[error("`{0}` was revoked")]
    Revoked(Subject),
    /// The issuer's list is too old to say.
    #[error("the list of what `{0}` has revoked is out of date; fetch or sign a new one")]
    ListExpired(Subject),
}

impl MachineTrust<'_> {
    /// The name of the machine whose certificate this is. That the other side has the key is for TLS to show.
    ///
    /// # Errors
    /// When the certificate is not believed.
    pub fn machine(&self, leaf: &Certificate, usage: Usage, now: Time) -> Result<String, MachineError> {
        let contents = leaf.contents();
        let subject = || contents.subject.clone();
        let nodes = self
            .nodes
            .iter()
            .filter(|node| intermediate_authority(&node.contents().subject) == Some(Authority::Node));
        let issuer = nodes
            .chain(self.roots)
            .find(|issuer| leaf.verify(issuer).is_ok())
            .ok_or_else(|| MachineError::Issuer(subject()))?
            .contents();
        let machine = matches!(&contents.kind, Kind::Leaf { usages } if usages.contains(&usage));
        if !machine || contents.subject.organisation.is_some() {
            return Err(MachineError::NotAMachine(subject()));
        }
        for part in [contents, issuer] {
            let Validity { not_before, not_after } = part.validity;
            if now < not_before || now > not_after {
                let (subject, validity) = (part.subject.clone(), part.validity);
                return Err(MachineError::Time { subject, validity, now });
            }
        }
        let mut lists = self.lists.iter().filter(|list| list.verify(issuer).is_ok()).peekable();
        if lists.peek().is_some()
            && !lists.clone().any(|list| list.next_update().is_some_and(|end| now <= end))
        {
            return Err(MachineError::ListExpired(issuer.subject.clone()));
        }
        if lists.any(|list| list.has(&contents.serial)) {
            return Err(MachineError::Revoked(subject()));
        }
        Ok(contents.subject.common_name.clone())
    }
}
