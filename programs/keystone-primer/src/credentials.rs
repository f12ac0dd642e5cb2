//! Every certificate, key and value that the inventory's machines and people need, made where it does not exist yet or
//! ends soon, and written encrypted to whom it is for.
//!
//! What was issued is noted in `issued.json` of the trust folder, which is public: so a second run finds out without any
//! private key that nothing has to be done.

mod authorities;
mod files;
mod journal;
mod leaves;
mod lists;
mod open;
mod rotate;
mod values;

use std::path::PathBuf;

use keystone_model::replacement::{self, Replacements};
use keystone_model::secret::LOCK_FILE;
use keystone_model::{Authority, Cluster};
use keystone_pki::certificate::{Certificate, Time};
use keystone_pki::profile::INTERMEDIATES;
use serde_json::{Value, json};

use crate::refusal::Refusal;

pub use authorities::{Authorities, Chain, SUCCESSORS, Wanted, key_file};
pub use files::{CROSSES, Files, Note, ROOTS, read_issued};
pub use journal::Journal;
pub use rotate::{Rotated, Rotation, Type, end_overlaps, rotate};

/// Where everything lies.
pub struct Places {
    /// Encrypted files.
    pub secrets: PathBuf,
    /// Public material.
    pub trust: PathBuf,
    /// What opens the keys of intermediates that exist, when a leaf is to be issued.
    pub identity: PathBuf,
}

impl Places {
    /// Whether there is a lock over the encrypted files, which knows nothing yet of what is written here.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.secrets.join(LOCK_FILE).exists()
    }

    /// The intermediates that the lock asks to replace.
    ///
    /// # Errors
    /// When the lock is there and cannot be read.
    pub fn asked(&self) -> Result<Replacements, Refusal> {
        let path = self.secrets.join(LOCK_FILE);
        match std::fs::read(&path) {
            Ok(text) => replacement::requested(&text).map_err(|error| {
                Refusal::new(format!("`{}` cannot be read: {error}", path.display()))
                    .fix("keystone-cluster secrets verify")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Replacements::new()),
            Err(error) => Err(Refusal::file("read", &path, &error)),
        }
    }

    /// What has to be done before what was written is committed.
    #[must_use]
    pub fn before_commit(&self) -> &'static str {
        if self.locked() { "keystone-cluster secrets adopt && " } else { "" }
    }
}

/// What is to be done, before it is.
pub struct Plan {
    /// Intermediates whose keys are made, and that the root signs.
    pub authorities: Authorities,
    /// Holders whose certificates are issued.
    pub leaves: Vec<leaves::Bundle>,
    /// Values that are made.
    pub values: Vec<values::Kind>,
    /// Whether they follow others, which somebody else may know.
    anew: bool,
    /// Whether public files change otherwise.
    pub trust: bool,
    /// What is there and stays.
    pub kept: usize,
}

/// Certificates by which generations of the root vouch for each other; none where no root is being replaced.
pub fn crosses(places: &Places) -> Vec<Certificate> {
    let text = std::fs::read_to_string(places.trust.join(CROSSES)).unwrap_or_default();
    Certificate::bundle(&text).unwrap_or_default()
}

/// The certificates of every authority that one of these roots signed.
pub fn chains(places: &Places, roots: &[Certificate], now: Time) -> impl Iterator<Item = (Authority, Chain)> {
    INTERMEDIATES.into_iter().map(move |authority| (authority, Chain::read(places, authority, roots, now)))
}

impl Plan {
    /// Finds out what is to be done. Roots: those that are believed, first the one that signs.
    pub fn new(
        cluster: &Cluster,
        roots: &[Certificate],
        places: &Places,
        wanted: &Wanted,
        now: Time,
    ) -> Result<Self, Refusal> {
        let authorities = Authorities::plan(roots, places, wanted, now);
        let issued = files::Issued::read(&places.trust)?;
        let all = leaves::bundles(cluster);
        let total = all.len();
        let issuing = |authority| authorities.issuing(authority);
        let leaves: Vec<leaves::Bundle> =
            all.into_iter().filter(|bundle| bundle.is_due(&issued, &issuing, places, now)).collect();
        let anew = wanted.anew;
        let values = if anew { values::ALL.to_vec() } else { values::missing(places) };
        let trust = files::public_differs(cluster, roots, places);
        let kept = total - leaves.len() + values::ALL.len() - values.len() + authorities.kept();
        Ok(Self { authorities, leaves, values, anew, trust, kept })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.authorities.new.is_empty() && self.leaves.is_empty() && self.values.is_empty() && !self.trust
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "authorities": self.authorities.new.iter().map(authorities::New::name).collect::<Vec<_>>(),
            "bundles": self.leaves.iter().map(|bundle| json!({
                "file": format!("{}.age", bundle.file),
                "certificates": bundle.identities.iter().map(|one| one.profile().name).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "values": self.values.iter().map(|kind| format!("{}.age", kind.file())).collect::<Vec<_>>(),
            "kept": self.kept,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        // Writing to a String cannot fail.
        for new in &self.authorities.new {
            let _ = writeln!(text, "  intermediate  {}, signed by a quorum", new.name());
        }
        for bundle in &self.leaves {
            let names: Vec<&str> = bundle.identities.iter().map(|one| one.profile().name).collect();
            let _ = writeln!(text, "  certificates  {}.age: {}", bundle.file, names.join(", "));
        }
        for kind in &self.values {
            let _ = writeln!(text, "  value         {}.age: {}", kind.file(), kind.purpose());
        }
        if self.trust {
            text.push_str("  public        hosts/trust\n");
        }
        if text.is_empty() {
            text.push_str("  nothing is missing, and nothing ends soon\n");
        }
        text
    }

    /// Makes everything in memory. Nothing is written before all of it exists.
    pub fn make(
        self,
        cluster: &Cluster,
        roots: &[Certificate],
        places: &Places,
        signed: Vec<Certificate>,
        now: Time,
    ) -> Result<Files, Refusal> {
        let mut files = Files::new(cluster);
        rotate::overlap(&self.authorities.asked(), places, &mut files, now)?;
        let authorities = self.authorities.complete(signed, &mut files)?;
        let mut issued = files::Issued::read(&places.trust)?;
        let mut issuers = authorities::Issuers::new(authorities, crosses(places), places);
        for bundle in &self.leaves {
            bundle.issue(&mut issuers, &mut issued, &mut files, now)?;
        }
        for kind in self.values {
            if self.anew { kind.follow(&mut files, places, now)? } else { kind.make(&mut files, now)? }
        }
        issued.keep_only(cluster);
        files.public(cluster, roots, &issued)?;
        Ok(files)
    }
}
