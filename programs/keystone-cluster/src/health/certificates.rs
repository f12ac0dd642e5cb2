//! Certificates of this node: each is whole, is of the right authority, and does not end soon.

use std::fs;
use std::path::Path;

use keystone_pki::certificate::{Certificate, PrivateKey};
use zeroize::Zeroizing;

use super::View;
use super::report::{Area, Point};

const RENEW: &str = "keystone-primer generate-credentials, then deploy";

pub fn look(view: &View) -> Area {
    let entries = match fs::read_dir(&view.pki) {
        Ok(entries) => entries,
        Err(error) => {
            let why = format!("cannot read `{}`: {error}", view.pki.display());
            return Area::new("certificates", vec![Point::unknown("certificates of this machine", why)]);
        }
    };
    let mut leaves: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".crt").map(str::to_owned))
        .filter(|leaf| !leaf.starts_with('.'))
        .collect();
    leaves.sort();
    let mut points: Vec<Point> = leaves.iter().map(|leaf| point(view, leaf)).collect();
    if points.is_empty() {
        let why = format!("there are none in `{}`", view.pki.display());
        points.push(
            Point::unknown("certificates of this machine", why).fix("systemctl status keystone-certificates"),
        );
    }
    Area::new("certificates", points)
}

fn point(view: &View, leaf: &str) -> Point {
    match judge(view, leaf) {
        Ok(certificate) => {
            let validity = certificate.contents().validity;
            let what = leaf.to_owned();
            if view.now >= validity.not_after {
                Point::unhealthy(what, format!("it ended on {}", validity.not_after)).fix(RENEW)
            } else if view.now < validity.not_before {
                Point::unhealthy(what, format!("it begins on {}; is the clock right?", validity.not_before))
                    .fix("timedatectl")
            } else if view.now >= validity.renewal() {
                Point::unhealthy(
                    what,
                    format!("it should be renewed by now, and ends on {}", validity.not_after),
                )
                .fix(RENEW)
            } else {
                Point::healthy(what, format!("until {}", validity.not_after))
            }
        }
        Err(why) => Point::unhealthy(leaf, why).fix(RENEW),
    }
}

/// The certificate, if its chain is right up to the root and its key is here.
fn judge(view: &View, leaf: &str) -> Result<Certificate, String> {
    let chain = certificates(&view.pki.join(format!("{leaf}.crt")))?;
    let path = view.pki.join(format!("{leaf}.key"));
    let key = fs::read_to_string(&path)
        .map(Zeroizing::new)
        .map_err(|error| format!("cannot read its key `{}`: {error}", path.display()))?;
    let key = PrivateKey::from_pem(&key).map_err(|error| error.to_string())?;
    let [first, ..] = chain.as_slice() else { return Err("it is empty".to_owned()) };
    if first.contents().key != key.public() {
        return Err("its key is another one's".to_owned());
    }
    for pair in chain.windows(2) {
        pair[0].verify(&pair[1]).map_err(|error| error.to_string())?;
    }
    let roots = certificates(&view.trust.join("root-ca.crt"))?;
    let last = &chain[chain.len() - 1];
    if roots.iter().any(|root| last.verify(root).is_ok()) {
        Ok(first.clone())
    } else {
        Err(format!("its issuer `{}` is not signed by the root", last.contents().subject))
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    Certificate::bundle(&text).map_err(|error| format!("`{}`: {error}", path.display()))
}
