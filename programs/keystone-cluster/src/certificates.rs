//! A node's certificates and keys, from the one document that is its secret to the folder where services find them.
//!
//! A key is written before its certificate, as whoever watches the folder watches certificates. Each file is there whole
//! or not at all. A certificate that was renewed on the node since the secret was made is younger than the secret's, and
//! stays: otherwise every boot would bring back one that ends earlier.

mod files;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use keystone_pki::certificate::{Certificate, CertificateError, PrivateKey};
use serde_json::{Value, json};
use thiserror::Error;
use zeroize::Zeroizing;

/// The largest document that is read.
const LARGEST: u64 = 1 << 20;

#[derive(Debug, Error)]
pub enum CertificatesError {
    #[error("cannot {verb} `{}`: {source}", path.display())]
    File { verb: &'static str, path: PathBuf, source: io::Error },
    /// Line and column, and not the text: it has keys.
    #[error("`{}` is no document of certificates, at line {line}, column {column}\n  next: keystone-primer generate-credentials", path.display())]
    Document { path: PathBuf, line: usize, column: usize },
    #[error("`{name}` is no name of a certificate or key; <leaf>.crt and <leaf>.key are")]
    Name { name: String },
    #[error("`{leaf}` has a {has} and no {lacks}\n  next: keystone-primer generate-credentials")]
    Half { leaf: String, has: &'static str, lacks: &'static str },
    #[error("the {part} of `{leaf}` cannot be used: {source}\n  next: keystone-primer generate-credentials")]
    Unusable { leaf: String, part: &'static str, source: Box<CertificateError> },
}

/// What became of one leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was written.
    Written,
    /// It was there.
    There,
    /// A younger one was there.
    Younger,
}

impl Fate {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::There => "there",
            Self::Younger => "younger here",
        }
    }
}

/// A certificate with its chain, and its key.
struct Pair {
    chain: Zeroizing<String>,
    key: Zeroizing<String>,
    leaf: Certificate,
}

impl Pair {
    fn new(leaf: &str, chain: Zeroizing<String>, key: Zeroizing<String>) -> Result<Self, CertificatesError> {
        let unusable = |part: &'static str| {
            let leaf = leaf.to_owned();
            move |source| CertificatesError::Unusable { leaf, part, source: Box::new(source) }
        };
        let certificates = Certificate::bundle(&chain).map_err(unusable("certificate"))?;
        for pair in certificates.windows(2) {
            pair[0].verify(&pair[1]).map_err(unusable("chain"))?;
        }
        let private = PrivateKey::from_pem(&key).map_err(unusable("key"))?;
        let first = certificates[0].clone();
        if first.contents().key != private.public() {
            let source = CertificateError::OtherKey(first.contents().subject.clone());
            return Err(unusable("key")(source));
        }
        Ok(Self { chain, key, leaf: first })
    }
}

/// What was done, by leaf.
pub struct Installed(BTreeMap<String, Fate>);

impl Installed {
    /// For programs.
    pub fn json(&self) -> Value {
        let leaves: BTreeMap<_, _> = self.0.iter().map(|(leaf, fate)| (leaf, fate.as_str())).collect();
        json!({ "ok": true, "leaves": leaves })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (leaf, fate) in &self.0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{leaf:<20}{}", fate.as_str());
        }
        text
    }
}

/// Puts everything in its place. Nothing is written before all of it was found good.
pub fn install(from: &Path, to: &Path) -> Result<Installed, CertificatesError> {
    let failed = |source| CertificatesError::File { verb: "read", path: from.to_owned(), source };
    let mut text = Zeroizing::new(Vec::with_capacity(1 << 16));
    File::open(from).and_then(|file| file.take(LARGEST).read_to_end(&mut text)).map_err(failed)?;
    install_opened(&text, from, to)
}

/// The same for a document that was opened in memory; errors call it by the name of `from`.
pub fn install_opened(text: &[u8], from: &Path, to: &Path) -> Result<Installed, CertificatesError> {
    let pairs = parse(text, from)?;
    files::make_folder(to)?;
    let mut fates = BTreeMap::new();
    for (leaf, pair) in pairs {
        let (crt, key) = (to.join(format!("{leaf}.crt")), to.join(format!("{leaf}.key")));
        let fate = match there(&leaf, &crt, &key) {
            Some(old) if *old.chain == *pair.chain && *old.key == *pair.key => Fate::There,
            Some(old)
                if old.leaf.contents().validity.not_before > pair.leaf.contents().validity.not_before =>
            {
                Fate::Younger
            }
            _ => {
                files::replace(&key, pair.key.as_bytes())?;
                files::replace(&crt, pair.chain.as_bytes())?;
                Fate::Written
            }
        };
        fates.insert(leaf, fate);
    }
    Ok(Installed(fates))
}

/// What is in its place already, if both halves are and fit: a key alone is what an end in between leaves.
fn there(leaf: &str, crt: &Path, key: &Path) -> Option<Pair> {
    let text = |path: &Path| files::read(path).ok().flatten();
    Pair::new(leaf, text(crt)?, text(key)?).ok()
}

/// A certificate or a key, if it is there.
type Half = Option<Zeroizing<String>>;

fn parse(text: &[u8], from: &Path) -> Result<BTreeMap<String, Pair>, CertificatesError> {
    let document: BTreeMap<String, Zeroizing<String>> = serde_json::from_slice(text).map_err(|error| {
        CertificatesError::Document { path: from.to_owned(), line: error.line(), column: error.column() }
    })?;
    let mut halves: BTreeMap<String, (Half, Half)> = BTreeMap::new();
    for (name, text) in document {
        let half = match name.rsplit_once('.') {
            Some((leaf, "crt")) if is_leaf(leaf) => &mut halves.entry(leaf.to_owned()).or_default().0,
            Some((leaf, "key")) if is_leaf(leaf) => &mut halves.entry(leaf.to_owned()).or_default().1,
            _ => return Err(CertificatesError::Name { name }),
        };
        *half = Some(text);
    }
    halves
        .into_iter()
        .map(|(leaf, halves)| match halves {
            (Some(chain), Some(key)) => Pair::new(&leaf, chain, key).map(|pair| (leaf, pair)),
            (Some(_), None) => Err(CertificatesError::Half { leaf, has: "certificate", lacks: "key" }),
            _ => Err(CertificatesError::Half { leaf, has: "key", lacks: "certificate" }),
        })
        .collect()
}

/// Names of files, and nothing that leads out of the folder.
fn is_leaf(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
