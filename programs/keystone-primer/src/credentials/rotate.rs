//! Rotation of intermediates without a primer, on a machine that can open the successors' keys.
//!
//! 1. The next successor is promoted: its key goes where the issuing key was, every leaf below it is issued anew, and the
//!    bundle begins with it. The one before stays in the bundle, so that leaves of both are believed.
//! 2. Whoever is not deployed yet goes on with what it has, for as long as the overlap lasts.
//! 3. The one before is taken out of the bundle.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use keystone_model::{Authority, Cluster, Name};
use keystone_pki::certificate::{Certificate, Intermediate, Serial, Time};
use keystone_pki::crl::Reason;
use keystone_pki::profile::{INTERMEDIATES, PROFILES};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Places;
use super::authorities::{Chain, Issuers, Keys, Known, bundle_file, generation, key_file, successors_file};
use super::files::{Files, Issued, ROOTS};
use super::journal::Journal;
use super::leaves;
use super::lists::{self, List};
use crate::clock;
use crate::refusal::Refusal;

const STATE: &str = "rotation.json";

/// What is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Intermediates, to the successors that were signed in advance.
    Intermediate,
    /// Certificates of machines and people that end soon.
    Leaves,
}

/// What shall be done.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// What is rotated.
    pub kind: Type,
    /// Which intermediates; none means all.
    pub only: Vec<Authority>,
    /// For how many seconds the one before is believed too.
    pub overlap: u64,
    /// Take out what was rotated before, instead of rotating.
    pub finish: bool,
    /// Machines and people whose certificates are taken back before they end, and why.
    pub revoke: BTreeMap<Name, Reason>,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// A rotation whose overlap lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Overlap {
    /// The generation that issued before.
    from: u32,
    /// The generation that issues.
    to: u32,
    /// Since when, in seconds since 1970.
    since: u64,
    /// The one before stays until then.
    until: u64,
}

type Overlaps = BTreeMap<Authority, Overlap>;

/// What was done, for people and for programs.
pub struct Rotated {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Value,
}

fn read_overlaps(places: &Places) -> Result<Overlaps, Refusal> {
    let path = places.trust.join(STATE);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            Refusal::new(format!("`{}` cannot be read: {error}", path.display()))
                .fix("take it from the last commit")
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Overlaps::new()),
        Err(error) => Err(Refusal::file("read", &path, &error)),
    }
}

/// Notes intermediates that were replaced before their time: those before stay in the bundles until whoever deploys says that
/// every machine has the new ones, which `--finish` is.
pub fn overlap(
    replaced: &[(Authority, u32, u32)],
    places: &Places,
    files: &mut Files,
    now: Time,
) -> Result<(), Refusal> {
    if replaced.is_empty() {
        return Ok(());
    }
    let mut overlaps = read_overlaps(places)?;
    let since = u64::try_from(now.unix()).unwrap_or_default();
    for (authority, from, to) in replaced {
        overlaps.insert(*authority, Overlap { from: *from, to: *to, since, until: since });
    }
    write_overlaps(&overlaps, files)
}

/// Forgets overlaps of intermediates that none of these roots signed: they ended with their root.
pub fn end_overlaps(
    roots: &[Certificate],
    places: &Places,
    files: &mut Files,
    now: Time,
) -> Result<(), Refusal> {
    let mut overlaps = read_overlaps(places)?;
    let before = overlaps.len();
    overlaps.retain(|authority, overlap| {
        Chain::read(places, *authority, roots, now).earlier.iter().any(|one| generation(one) == overlap.from)
    });
    if overlaps.len() == before { Ok(()) } else { write_overlaps(&overlaps, files) }
}

fn write_overlaps(overlaps: &Overlaps, files: &mut Files) -> Result<(), Refusal> {
    let text = serde_json::to_string_pretty(overlaps).map_err(|error| Refusal::new(error.to_string()))?;
    files.trust(STATE, text + "\n");
    Ok(())
}

fn roots(places: &Places) -> Result<Vec<Certificate>, Refusal> {
    let path = places.trust.join(ROOTS);
    let text = fs::read_to_string(&path).map_err(|error| Refusal::file("read", &path, &error))?;
    Certificate::bundle(&text)
        .map_err(|error| Refusal::new(format!("`{}` holds no root: {error}", path.display())))
}

/// Rotates.
///
/// # Errors
/// When nothing was changed, and why.
pub fn rotate(cluster: &Cluster, places: &Places, wanted: &Rotation, now: u64) -> Result<Rotated, Refusal> {
    if wanted.kind == Type::Intermediate && !wanted.revoke.is_empty() {
        return Err(Refusal::new("an intermediate is taken back by its next one, and not by a list")
            .fix("keystone-cluster rotate-keys --type leaves --revoke NAME"));
    }
    let journal = if wanted.dry_run { None } else { Some(Journal::open(places)?) };
    let time = Time::from_unix(i64::try_from(now).unwrap_or(i64::MAX));
    let roots = roots(places)?;
    let mut work = Work {
        cluster,
        places,
        now,
        time,
        chains: INTERMEDIATES.map(|one| (one, Chain::read(places, one, &roots, time))).into(),
        overlaps: read_overlaps(places)?,
        known: Known::new(),
        files: Files::new(cluster),
        revoked: Vec::new(),
        said: Vec::new(),
    };
    let chosen: Vec<Authority> = INTERMEDIATES
        .into_iter()
        .filter(|authority| wanted.only.is_empty() || wanted.only.contains(authority))
        .collect();
    match (wanted.kind, wanted.finish) {
        (Type::Leaves, _) => {}
        (Type::Intermediate, true) => work.finish(&chosen)?,
        (Type::Intermediate, false) => work.promote(&chosen, wanted)?,
    }
    let issued = work.leaves(wanted)?;
    let mut text = work.said.iter().fold(String::new(), |text, line| text + "  " + line + "\n");
    let successors: BTreeMap<&str, usize> =
        work.chains.iter().map(|(authority, chain)| (authority.as_str(), chain.successors.len())).collect();
    let mut document = json!({
        "ok": true, "dryRun": wanted.dry_run, "bundles": issued, "successors": successors,
        "overlaps": work.overlaps, "revoked": work.revoked, "done": work.said,
    });
    let written = match journal {
        Some(journal) if !work.said.is_empty() => work.files.write(&journal, places)?,
        _ => Vec::new(),
    };
    document["adopt"] = json!(!written.is_empty() && places.locked());
    document["written"] = json!(written);
    if work.said.is_empty() {
        text.push_str("  nothing ends soon\n");
    }
    if wanted.dry_run {
        text.push_str("Nothing was done.\n");
    } else if !written.is_empty() {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} files written; next: {}git add {} {} && git commit, and deploy every machine",
            written.len(),
            places.before_commit(),
            places.secrets.display(),
            places.trust.display()
        );
    }
    Ok(Rotated { text, json: document })
}

struct Work<'w> {
    cluster: &'w Cluster,
    places: &'w Places,
    now: u64,
    time: Time,
    chains: BTreeMap<Authority, Chain>,
    overlaps: Overlaps,
    known: Known,
    files: Files,
    /// Serial numbers that were put on a list.
    revoked: Vec<String>,
    said: Vec<String>,
}

impl Work<'_> {
    fn promote(&mut self, chosen: &[Authority], wanted: &Rotation) -> Result<(), Refusal> {
        for authority in chosen {
            if let Some(overlap) = self.overlaps.get(authority) {
                let end = if self.now < overlap.until {
                    format!("until {}", clock::shown(overlap.until))
                } else {
                    "and can end now".to_owned()
                };
                return Err(Refusal::new(format!(
                    "{} was rotated from G{} to G{}, and the overlap lasts {end}",
                    authority.as_str(),
                    overlap.from,
                    overlap.to
                ))
                .fix("keystone-cluster rotate-keys --type intermediate --finish"));
            }
        }
        for authority in chosen {
            self.promote_one(*authority, wanted)?;
        }
        self.save_overlaps()
    }

    fn promote_one(&mut self, authority: Authority, wanted: &Rotation) -> Result<(), Refusal> {
        let name = authority.as_str();
        let quorum = "a quorum of primers signs new ones: keystone-primer generate-credentials";
        let chain = self.chains.entry(authority).or_default();
        if chain.successors.is_empty() {
            return Err(Refusal::new(format!("no successor of the intermediate {name} is left")).fix(quorum));
        }
        let next = chain.successors.remove(0);
        if self.time < next.contents().validity.not_before {
            return Err(Refusal::new(format!(
                "the successor `{}` is not valid before {}",
                next.contents().subject,
                next.contents().validity.not_before
            ))
            .fix("compare this machine's clock"));
        }
        let to = generation(&next);
        let mut keys = Keys::open(authority, self.places)?;
        let key = keys.take(to).ok_or_else(|| {
            Refusal::new(format!("secrets/{}.age has no key of G{to}", successors_file(authority)))
                .fix(quorum)
        })?;
        let text = key.to_pem();
        let intermediate = Intermediate::new(next.clone(), key)
            .map_err(|error| Refusal::new(format!("secrets/{}.age: {error}", successors_file(authority))))?;
        let before = chain.current.replace(next);
        let from = before.as_ref().map(generation).unwrap_or_default();
        chain.earlier.splice(0..0, before);
        self.files.secret(key_file(authority), text.as_bytes())?;
        self.files.secret(successors_file(authority), keys.text()?.as_bytes())?;
        self.files.trust(&bundle_file(authority), chain.pem());
        let left = chain.successors.len();
        self.known.insert(authority, (chain.clone(), Some(intermediate)));
        let until = self.now.saturating_add(wanted.overlap);
        self.overlaps.insert(authority, Overlap { from, to, since: self.now, until });
        self.said.push(format!(
            "intermediate  {name} G{from} -> G{to}; {left} successors are left; G{from} is believed until {}",
            clock::shown(until)
        ));
        Ok(())
    }

    fn finish(&mut self, chosen: &[Authority]) -> Result<(), Refusal> {
        for authority in chosen {
            let Some(overlap) = self.overlaps.get(authority) else { continue };
            if self.now < overlap.until {
                return Err(Refusal::new(format!(
                    "the overlap of {} lasts until {}, and it is {}",
                    authority.as_str(),
                    clock::shown(overlap.until),
                    clock::shown(self.now)
                ))
                .fix("wait, as machines that were not deployed yet still show leaves of the one before"));
            }
            let chain = self.chains.entry(*authority).or_default();
            // While one root follows another the bundle also has what issued below the one before, for machines that were not
            // deployed since: that goes with the old root, and not here.
            let root = |one: &Certificate| one.contents().issuer.clone();
            let before = chain.earlier.iter().find(|one| generation(one) == overlap.from).map(root);
            let (ended, kept) = std::mem::take(&mut chain.earlier)
                .into_iter()
                .partition(|one| generation(one) <= overlap.from && Some(root(one)) == before);
            chain.earlier = kept;
            let ended: Vec<Certificate> = ended;
            let mut names: Vec<String> = ended.iter().map(|one| format!("G{}", generation(one))).collect();
            if names.is_empty() {
                // The bundle was changed by hand.
                names.push(format!("G{}", overlap.from));
            }
            self.files.trust(&bundle_file(*authority), chain.pem());
            self.said.push(format!(
                "intermediate  {} {} is believed no more",
                authority.as_str(),
                names.join(", ")
            ));
            self.overlaps.remove(authority);
        }
        if self.said.is_empty() {
            return Err(Refusal::new("no rotation is under way")
                .fix("keystone-cluster rotate-keys --type intermediate"));
        }
        self.save_overlaps()
    }

    fn save_overlaps(&mut self) -> Result<(), Refusal> {
        write_overlaps(&self.overlaps, &mut self.files)
    }

    /// Issues the leaves that are due, those below a promoted intermediate among them, and the lists.
    fn leaves(&mut self, wanted: &Rotation) -> Result<Vec<String>, Refusal> {
        let mut issued = Issued::read(&self.places.trust)?;
        let taken_back = self.taken_back(&issued, &wanted.revoke)?;
        let issuing = |authority: Authority| {
            let current = self.chains.get(&authority)?.current.as_ref()?;
            Some(current.contents().subject_key_id)
        };
        let due: Vec<leaves::Bundle> = leaves::bundles(self.cluster)
            .into_iter()
            .filter(|bundle| {
                wanted.revoke.keys().any(|name| bundle.is_of(name))
                    || bundle.is_due(&issued, &issuing, self.places, self.time)
            })
            .collect();
        // One whose intermediate is another one now is signed anew too.
        let promoted: Vec<Authority> = self.known.keys().copied().collect();
        let mut known = std::mem::take(&mut self.known);
        for (authority, chain) in &self.chains {
            known.entry(*authority).or_insert_with(|| (chain.clone(), None));
        }
        let mut issuers = Issuers::new(known, super::crosses(self.places), self.places);
        let mut names = Vec::new();
        for bundle in &due {
            if !wanted.dry_run {
                bundle.issue(&mut issuers, &mut issued, &mut self.files, self.time)?;
            }
            names.push(format!("{}.age", bundle.file));
        }
        if !due.is_empty() {
            issued.keep_only(self.cluster);
            self.files.issued(&issued)?;
            self.said.push(format!("certificates  of {} machines and people are issued", due.len()));
        }
        for authority in INTERMEDIATES.into_iter().filter(|authority| lists::is_read(*authority)) {
            let list = List::read(self.places, authority)?;
            let serials = taken_back.get(&authority).cloned().unwrap_or_default();
            if serials.is_empty()
                && !list.is_due(self.time)
                && !(list.exists() && promoted.contains(&authority))
            {
                continue;
            }
            self.revoked.extend(serials.keys().map(ToString::to_string));
            if !wanted.dry_run {
                let (name, der) = list.sign(&serials, issuers.get(authority)?, self.time)?;
                self.files.trust(&name, der);
            }
            self.said.push(format!(
                "list          {}: {} certificates are on it that were not",
                lists::file(authority),
                serials.len()
            ));
        }
        Ok(names)
    }

    /// What goes on which list; and what no list takes back is said.
    fn taken_back(
        &mut self,
        issued: &Issued,
        names: &BTreeMap<Name, Reason>,
    ) -> Result<BTreeMap<Authority, BTreeMap<Serial, Reason>>, Refusal> {
        let mut found: BTreeMap<Authority, BTreeMap<Serial, Reason>> = BTreeMap::new();
        for (name, reason) in names {
            let notes = issued.of_holder(name);
            if notes.is_empty() {
                return Err(Refusal::new(format!("no certificate was issued to `{name}`"))
                    .fix("names are those of the inventory; hosts/trust/issued.json has everybody"));
            }
            let mut others = Vec::new();
            for (profile, note) in &notes {
                let authority = PROFILES.iter().find(|one| one.name == profile).map(|one| one.authority);
                let Some(authority) = authority else { continue };
                let serial = Serial::parse(&note.serial);
                match serial.filter(|_| lists::is_read(authority)) {
                    Some(serial) => drop(found.entry(authority).or_default().insert(serial, *reason)),
                    None => others.push(authority.as_str()),
                }
            }
            others.sort_unstable();
            others.dedup();
            if !others.is_empty() {
                self.said.push(format!(
                    "{name}: certificates below {} are on no list, as nobody reads one; until they end by themselves only \
                     keystone-cluster rotate-keys --type intermediate --only {} ends them",
                    others.join(", "),
                    others.join(" --only ")
                ));
            }
        }
        Ok(found)
    }
}
