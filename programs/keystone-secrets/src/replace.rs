//! Intermediates whose key somebody may know. No value of this tree can be made here that ends that: a quorum signs another
//! intermediate, or one that it signed in advance is used, and the old one has to leave the bundles. The lock asks for it, and
//! knows when it is done.

use std::collections::BTreeSet;

use keystone_model::Authority;
use keystone_model::replacement::{Replacement, Replacements};
use keystone_model::secret::KEYS_OF_AUTHORITIES;
use x509_cert::Certificate;
use x509_cert::der::Encode as _;

use crate::clock;
use crate::error::Error;
use crate::tree::{Tree, sha256};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// One whose key may be known issues certificates.
    Issues,
    /// One was signed in advance, and waits for its turn.
    Ahead,
    /// One has issued before, and what it issues is still believed.
    Believed,
    /// None of them is believed.
    Gone,
}

struct Believed {
    sha256: String,
    generation: u32,
}

/// An authority's bundle: first the one that issues. None where nothing was issued yet.
fn bundle(tree: &Tree, authority: Authority) -> Result<Vec<Believed>, Error> {
    let path = format!("{}/{}-ca.crt", tree.trust(), authority.as_str());
    let Some(text) = tree.read(&path)? else { return Ok(Vec::new()) };
    let wrong = |error: &dyn std::fmt::Display| Error::Refused(format!("{path} is no bundle: {error}"));
    let all = Certificate::load_pem_chain(&text).map_err(|error| wrong(&error))?;
    all.iter()
        .map(|one| {
            let sha256 = sha256(&one.to_der().map_err(|error| wrong(&error))?);
            // The name ends with the generation, as `keystone-primer` writes it.
            let subject = one.tbs_certificate.subject.to_string();
            let name = subject.split(',').find_map(|part| part.strip_prefix("CN=")).unwrap_or_default();
            let generation =
                name.rsplit_once(" G").and_then(|(_, number)| number.parse().ok()).unwrap_or_default();
            Ok(Believed { sha256, generation })
        })
        .collect()
}

/// Asks for other intermediates, as somebody may know what this secret holds: the key of the one that issues, or those that
/// were made in advance. Whoever could read the one may have kept those before it. Nothing where it is no such secret.
///
/// # Errors
/// When the authority's certificates cannot be read.
pub fn ask(tree: &Tree, secret: &str, because: &str, asked: &mut Replacements) -> Result<(), Error> {
    let found = KEYS_OF_AUTHORITIES.iter().find(|(_, key, successors)| [key, successors].contains(&&secret));
    let Some((authority, key, _)) = found else { return Ok(()) };
    let bundle = bundle(tree, *authority)?;
    let Some(issuing) = bundle.first().map(|first| first.generation) else { return Ok(()) };
    let ahead = secret != *key;
    let known: BTreeSet<String> =
        bundle.into_iter().filter(|one| (one.generation > issuing) == ahead).map(|one| one.sha256).collect();
    if known.is_empty() {
        return Ok(());
    }
    let replacement = asked.entry(*authority).or_insert_with(|| Replacement {
        because: BTreeSet::new(),
        since: clock::now(),
        known: BTreeSet::new(),
    });
    replacement.because.insert(because.to_owned());
    replacement.known.extend(known);
    Ok(())
}

/// How far it is.
///
/// # Errors
/// When the authority's certificates cannot be read.
pub fn state(tree: &Tree, authority: Authority, replacement: &Replacement) -> Result<State, Error> {
    let bundle = bundle(tree, authority)?;
    let known = |one: &Believed| replacement.known.contains(&one.sha256);
    let issuing = bundle.first().map(|first| first.generation).unwrap_or_default();
    Ok(if bundle.first().is_some_and(known) {
        State::Issues
    } else if bundle.iter().any(|one| known(one) && one.generation > issuing) {
        State::Ahead
    } else if bundle.iter().any(known) {
        State::Believed
    } else {
        State::Gone
    })
}

/// Those that are done.
///
/// # Errors
/// When an authority's certificates cannot be read.
pub fn replaced(tree: &Tree, asked: &Replacements) -> Result<Vec<(Authority, Replacement)>, Error> {
    let mut done = Vec::new();
    for (authority, replacement) in asked {
        if state(tree, *authority, replacement)? == State::Gone {
            done.push((*authority, replacement.clone()));
        }
    }
    Ok(done)
}

/// Puts more into what a lock asks for, and takes out what is done.
///
/// # Errors
/// When an authority's certificates cannot be read.
pub fn note(tree: &Tree, asked: &mut Replacements, more: Replacements) -> Result<(), Error> {
    for (authority, new) in more {
        if let Some(old) = asked.get_mut(&authority) {
            old.because.extend(new.because);
            old.known.extend(new.known);
        } else {
            asked.insert(authority, new);
        }
    }
    for (authority, _) in replaced(tree, asked)? {
        asked.remove(&authority);
    }
    Ok(())
}
