//! What the trust folder says of when things end.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use keystone_model::Authority;
use keystone_pki::certificate::{Certificate, Time};
use keystone_pki::crl::RevocationList;
use keystone_pki::profile::INTERMEDIATES;

use super::{Item, Kind, Open, Places, Renewer};
use crate::credentials::{Note, read_issued};
use crate::refusal::Refusal;

/// Notes of what was issued, by file and profile.
pub type Issued = BTreeMap<String, BTreeMap<String, Note>>;

/// A join token that was neither used nor taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: String,
    /// For whom.
    pub name: String,
    /// Until when.
    pub ends: Time,
}

/// What is in the folder.
pub struct Found {
    pub items: Vec<Item>,
    pub open: Vec<Open>,
    pub issued: Issued,
}

pub fn read(places: &Places) -> Result<Found, Refusal> {
    let mut found = Found { items: Vec::new(), open: Vec::new(), issued: read_issued(&places.trust)? };
    let roots = certificates(&places.trust.join("root-ca.crt"))?;
    match roots.iter().map(|root| root.contents().validity.not_after).max() {
        Some(ends) => {
            // One that a younger generation replaces may end.
            for root in &roots {
                let own = root.contents().validity.not_after;
                found.items.push(Item {
                    kind: Kind::Root,
                    name: root.contents().subject.common_name.clone(),
                    ends: own,
                    renewed_by: if own == ends { Renewer::Primers } else { Renewer::Nobody },
                });
            }
        }
        None => found.open.push(Open::new(
            format!("`{}` has no root certificate", places.trust.display()),
            "keystone-primer generate-credentials, in the repository",
        )),
    }
    for authority in INTERMEDIATES {
        intermediates(places, authority, &roots, &mut found)?;
    }
    for (file, notes) in &found.issued {
        for (profile, note) in notes {
            found.items.push(Item {
                kind: Kind::Certificate,
                name: format!("{profile} in {file}"),
                ends: Time::from_unix(note.not_after),
                renewed_by: Renewer::ControlPlane,
            });
        }
    }
    lists(places, &roots, &mut found)?;
    Ok(found)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Refusal> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Refusal::file("read", path, &error)),
    };
    Certificate::bundle(&text).map_err(|error| {
        Refusal::new(format!("`{}`: {error}", path.display())).fix("keystone-primer generate-credentials")
    })
}

/// Which of its name a certificate is: the number after `G`.
fn generation(certificate: &Certificate) -> Option<u32> {
    certificate.contents().subject.common_name.rsplit_once(" G")?.1.parse().ok()
}

/// The first of a bundle is the one that issues. Later generations behind it were signed in advance, earlier ones are
/// there for certificates that they issued.
fn intermediates(
    places: &Places,
    authority: Authority,
    roots: &[Certificate],
    found: &mut Found,
) -> Result<(), Refusal> {
    let file = format!("{}-ca.crt", authority.as_str());
    let bundle = certificates(&places.trust.join(&file))?;
    let Some(issuing) = bundle.first() else {
        found.open.push(Open::new(
            format!("there is no intermediate {}", authority.as_str()),
            "keystone-primer generate-credentials",
        ));
        return Ok(());
    };
    let successors: Vec<&Certificate> =
        bundle.iter().skip(1).filter(|one| generation(one) > generation(issuing)).collect();
    for one in &bundle {
        if !roots.iter().any(|root| one.verify(root).is_ok()) {
            found.open.push(Open::new(
                format!("`{}` in {file} is not signed by the root", one.contents().subject),
                "keystone-primer generate-credentials",
            ));
        }
    }
    let mut add = |one: &Certificate, kind: Kind, renewed_by: Renewer| {
        found.items.push(Item {
            kind,
            name: one.contents().subject.common_name.clone(),
            ends: one.contents().validity.not_after,
            renewed_by,
        });
    };
    let last = successors.iter().map(|one| one.contents().validity.not_after).max();
    add(issuing, Kind::Intermediate, if last.is_some() { Renewer::ControlPlane } else { Renewer::Primers });
    for one in &successors {
        let ends = Some(one.contents().validity.not_after);
        add(one, Kind::Successor, if ends == last { Renewer::Primers } else { Renewer::ControlPlane });
    }
    Ok(())
}

fn lists(places: &Places, roots: &[Certificate], found: &mut Found) -> Result<(), Refusal> {
    let entries = match fs::read_dir(&places.trust) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Refusal::file("read", &places.trust, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Refusal::file("read", &places.trust, &error))?.path();
        if path.extension().is_some_and(|ending| ending == "crl") {
            paths.push(path);
        }
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&path).map_err(|error| Refusal::file("read", &path, &error))?;
        let list = RevocationList::read_any(&bytes)
            .map_err(|error| Refusal::new(format!("`{}`: {error}", path.display())))?;
        let Some(ends) = list.next_update() else {
            found.open.push(Open::new(
                format!("{name} does not say until when it is good"),
                format!("take it from the last commit: git checkout HEAD -- {}", path.display()),
            ));
            continue;
        };
        let by_root = roots.iter().any(|root| list.verify(root.contents()).is_ok());
        let renewed_by = if by_root { Renewer::Primers } else { Renewer::ControlPlane };
        found.items.push(Item { kind: Kind::List, name, ends, renewed_by });
    }
    Ok(())
}
