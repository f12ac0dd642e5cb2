//! What an act would sign, rebuilt by the custodian from the request, the profile and its own inventory.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_generator::Input;
use keystone_model::Cluster;
use keystone_pki::certificate::{Certificate, PublicKey, Time};
use keystone_pki::group::Signing;
use keystone_pki::request::{OtherRoot, Policy, Request, Signable, View};

use crate::act::{Act, Dangerous};
use crate::clock;
use crate::groups::{self, Kind, Record};
use crate::node_key::hash;
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::store::Store;

/// Where a primer's system has the inventory.
const INVENTORY: &str = "/etc/keystone/cluster.json";

/// What came out.
pub struct Rebuilt {
    /// What exactly would be signed.
    pub messages: Vec<Vec<u8>>,
    /// In words.
    pub summary: Vec<String>,
    /// Whether the policy approves it without a person.
    pub unattended: bool,
}

/// Where the root's certificate lies in the state folder.
fn root_file(record: &Record) -> String {
    format!("certificates/root-G{}.crt", record.generation)
}

/// The root's certificate, once there is one.
pub fn root(store: &Store, record: &Record) -> Result<Option<Certificate>, Refusal> {
    let Some(bytes) = store.read(&root_file(record))? else { return Ok(None) };
    Certificate::from_pem(&String::from_utf8_lossy(&bytes))
        .map(Some)
        .map_err(|error| Refusal::new(format!("the root's certificate cannot be read: {error}")))
}

/// Keeps a root's certificate, if it is one of the key of a group here by itself.
pub fn keep_root(store: &Store, pem: &str) -> Result<(), Refusal> {
    let records = groups::all(store)?;
    for record in records.iter().filter(|record| record.kind == Kind::Root) {
        // Every answer of another primer brings it.
        if store.read(&root_file(record))?.is_some_and(|there| there.as_slice() == pem.as_bytes()) {
            return Ok(());
        }
    }
    let wrong =
        |error: &dyn std::fmt::Display| Refusal::new(format!("this is no certificate of the root: {error}"));
    let certificate = Certificate::from_pem(pem).map_err(|error| wrong(&error))?;
    certificate.verify(&certificate).map_err(|error| wrong(&error))?;
    for record in records.iter().filter(|record| record.kind == Kind::Root) {
        if certificate.contents().key == key_of(record)? {
            if root(store, record)?.is_none() {
                store.write(&root_file(record), certificate.pem().as_bytes())?;
            }
            return Ok(());
        }
    }
    Err(wrong(&"it is of another key"))
}

/// The root's public key.
pub fn key_of(record: &Record) -> Result<PublicKey, Refusal> {
    Ok(PublicKey::Ed25519(*record.group::<Signing>()?.public_key()))
}

impl Primer {
    /// This primer's own copy of the inventory. It is read from disk each time, and judged when it is another one than before.
    pub fn inventory(&self) -> Result<Arc<Cluster>, Refusal> {
        let path = self.config.inventory.clone().unwrap_or_else(|| PathBuf::from(INVENTORY));
        // Where it cannot be read, reading it as an inventory says why.
        let hash = || fs::read(&path).ok().map(|bytes| hash(&bytes));
        let found = hash();
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, cluster)) = judged.as_ref()
            && Some(of) == found.as_ref()
        {
            return Ok(Arc::clone(cluster));
        }
        let input = Input { inventory: path.clone(), trust: None };
        let (inventory, _) = input.inventory().map_err(|error| {
            Refusal::new(format!("this primer's own copy of the inventory cannot be used: {error}")).fix(
                "put it where `inventory` in the primer's configuration says, or /etc/keystone/cluster.json",
            )
        })?;
        if inventory.cluster.cluster.name.as_str() != self.config.cluster {
            return Err(Refusal::new(format!(
                "this primer's copy of the inventory is of the cluster {}, and the primer of {}",
                inventory.cluster.cluster.name, self.config.cluster
            )));
        }
        let cluster = Arc::new(inventory.cluster);
        // One that was changed meanwhile is judged again.
        *judged =
            found.filter(|found| hash().as_ref() == Some(found)).map(|hash| (hash, Arc::clone(&cluster)));
        Ok(cluster)
    }

    /// Rebuilds what the requests mean, to that generation of the root.
    pub fn rebuilt(
        &self,
        generation: u32,
        requests: &[Request],
    ) -> Result<Vec<keystone_pki::request::Rebuilt>, Refusal> {
        let cluster = self.inventory()?;
        let (record, root, others) = {
            let inner = self.inner();
            let record = groups::of(&inner.store, Kind::Root, generation)?;
            let root = root(&inner.store, &record)?;
            let mut others = Vec::new();
            // Those in whose making this primer took part.
            for other in groups::all(&inner.store)?.iter().filter(|one| one.kind == Kind::Root) {
                others.push(OtherRoot { generation: other.generation, key: key_of(other)? });
            }
            (record, root, others)
        };
        let group = record.group::<Signing>()?;
        let view = View {
            cluster: &cluster,
            group: &group,
            generation: record.generation,
            root: root.as_ref(),
            others: &others,
            last_list: 0,
            policy: Policy::default(),
            now: Time::from_unix(i64::try_from(clock::now()).unwrap_or(i64::MAX)),
        };
        requests
            .iter()
            .map(|request| {
                keystone_pki::request::rebuild(request, &view)
                    .map_err(|refusal| Refusal::new(format!("this primer does not sign that: {refusal}")))
            })
            .collect()
    }
}

/// Rebuilds an act.
pub fn rebuild(primer: &Primer, act: &Act) -> Result<Rebuilt, Refusal> {
    match act {
        Act::Certificates { generation, requests, claimed, reason } => {
            if requests.is_empty() || requests.len() > 128 {
                return Err(Refusal::new(format!("{} certificates at once are not signed", requests.len())));
            }
            let rebuilt = primer.rebuilt(*generation, requests)?;
            if claimed.len() != rebuilt.len() {
                return Err(Refusal::new("not everything that is asked for is also claimed"));
            }
            for (one, claim) in rebuilt.iter().zip(claimed) {
                one.check(&STANDARD.decode(claim).unwrap_or_default()).map_err(|lie| {
                    Refusal::new(format!("this primer does not sign that: {lie}"))
                        .fix("compare the inventories of both primers, and their clocks")
                })?;
            }
            let policy = primer.policy()?;
            let unattended = requests.iter().all(|request| match request {
                Request::Leaf { profile, .. } => policy.unattended_profiles.contains(profile),
                _ => policy.unattended_acts.contains(&Dangerous::CertificateAuthorities),
            });
            let mut summary = vec![format!(
                "sign {} as the root G{generation}, because (claimed): {reason}",
                count(rebuilt.len())
            )];
            for one in &rebuilt {
                summary.extend(one.to_string().lines().map(str::to_owned));
            }
            let messages = rebuilt.iter().map(|one| one.bytes().to_vec()).collect();
            Ok(Rebuilt { messages, summary, unattended })
        }
        Act::Decrypt { generation, header, stanza, claimed, .. } => {
            crate::decrypting::rebuild(primer, *generation, header, *stanza, claimed)
        }
        Act::Repair { lost, name, .. } => crate::repairing::rebuild(primer, lost, name),
        Act::Refresh { keys } => crate::refreshing::rebuild(primer, keys),
        Act::Rotate { stage, keys, reason } => crate::rotating::rebuild(primer, *stage, keys, reason),
    }
}

fn count(n: usize) -> String {
    if n == 1 { "1 certificate".to_owned() } else { format!("{n} certificates") }
}

/// The certificate, with the group's signature.
pub fn complete(rebuilt: &keystone_pki::request::Rebuilt, signature: &[u8]) -> Result<Certificate, Refusal> {
    match rebuilt.signable() {
        Signable::Certificate(unsigned) => unsigned
            .complete(signature)
            .map_err(|error| Refusal::new(format!("the certificate was not made: {error}"))),
        Signable::List(_) => Err(Refusal::new("lists of revoked certificates are not signed here")),
    }
}
