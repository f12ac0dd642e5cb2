//! Every certificate, key and value that the inventory's machines and people need, made where it does not exist yet or
//! ends soon, and written encrypted to whom it is for.
//!
//! What was issued is noted in `issued.json` of the trust folder, which is public: so a second run finds out without any
//! private key that nothing has to be done.

mod authorities;
mod files;
mod leaves;
mod values;

use std::path::PathBuf;

use keystone_model::Cluster;
use keystone_pki::certificate::{Certificate, Time};
use serde_json::{Value, json};

use crate::refusal::Refusal;

pub use authorities::{Authorities, key_file};
pub use files::{Files, Note, read_issued};

/// Where everything lies.
pub struct Places {
    /// Encrypted files.
    pub secrets: PathBuf,
    /// Public material.
    pub trust: PathBuf,
    /// What opens the keys of intermediates that exist, when a leaf is to be issued.
    pub identity: PathBuf,
}

/// What is to be done, before it is.
pub struct Plan {
    /// Intermediates whose keys are made, and that the root signs.
    pub authorities: Authorities,
    /// Holders whose certificates are issued.
    pub leaves: Vec<leaves::Bundle>,
    /// Values that are made.
    pub values: Vec<values::Kind>,
    /// Whether public files change otherwise.
    pub trust: bool,
    /// What is there and stays.
    pub kept: usize,
}

impl Plan {
    /// Finds out what is to be done.
    pub fn new(cluster: &Cluster, root: &Certificate, places: &Places, now: Time) -> Result<Self, Refusal> {
        let authorities = Authorities::plan(root, places, now);
        let issued = files::Issued::read(&places.trust)?;
        let all = leaves::bundles(cluster);
        let total = all.len();
        let leaves: Vec<leaves::Bundle> =
            all.into_iter().filter(|bundle| bundle.is_due(&issued, &authorities, places, now)).collect();
        let values = values::missing(places);
        let trust = files::public_differs(cluster, root, places);
        let kept = total - leaves.len() + values::ALL.len() - values.len() + authorities.kept();
        Ok(Self { authorities, leaves, values, trust, kept })
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
        root: &Certificate,
        places: &Places,
        signed: Vec<Certificate>,
        now: Time,
    ) -> Result<Files, Refusal> {
        let mut files = Files::new(cluster, places);
        let authorities = self.authorities.complete(signed, &mut files)?;
        let mut issued = files::Issued::read(&places.trust)?;
        let mut issuers = authorities::Issuers::new(authorities, places);
        for bundle in &self.leaves {
            bundle.issue(&mut issuers, &mut issued, &mut files, now)?;
        }
        for kind in self.values {
            kind.make(&mut files, now)?;
        }
        issued.keep_only(cluster);
        files.public(cluster, root, &issued)?;
        Ok(files)
    }
}
