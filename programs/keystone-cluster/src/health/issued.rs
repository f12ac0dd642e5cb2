//! What was issued: whether this node has what was issued for it last, and when the first thing ends without primers.

use std::fs;

use keystone_model::{Name, secret};
use keystone_pki::certificate::Certificate;
use keystone_primer::horizon::{Horizon, Places, issued};

use super::View;
use super::report::{Area, Point};

/// Whether what lies here is what was issued last.
pub fn generation(view: &View) -> Area {
    Area::new("secrets", generation_points(view))
}

fn generation_points(view: &View) -> Vec<Point> {
    let what = "generation of this machine's certificates";
    let Some(node) = view.cluster.nodes.keys().find(|name: &&Name| name.as_str() == view.node) else {
        let why = format!("`{}` is no node of the inventory", view.node);
        return vec![Point::unknown(what, why).fix("name one: --node NAME")];
    };
    let notes = match issued(&view.trust) {
        Ok(mut all) => all.remove(&secret::host_certificates(node)).unwrap_or_default(),
        Err(refusal) => return vec![Point::unhealthy(what, refusal.message)],
    };
    if notes.is_empty() {
        let why = format!("`{}/issued.json` has nothing of {node}", view.trust.display());
        return vec![Point::unknown(what, why).fix("keystone-primer generate-credentials")];
    }
    let (mut old, mut unseen) = (Vec::new(), Vec::new());
    for (leaf, note) in &notes {
        let text = fs::read_to_string(view.pki.join(format!("{leaf}.crt"))).ok();
        match text.and_then(|text| Certificate::bundle(&text).ok()?.into_iter().next()) {
            Some(here) if here.contents().serial.to_string() == note.serial => {}
            // Renewed here since.
            Some(here) if here.contents().validity.not_after.unix() > note.not_after => {}
            Some(_) => old.push(leaf.as_str()),
            None => unseen.push(leaf.as_str()),
        }
    }
    let mut points = Vec::new();
    if !old.is_empty() {
        points.push(
            Point::unhealthy(what, format!("{} are older than what was issued", old.join(", ")))
                .fix("deploy this node, then systemctl restart keystone-certificates"),
        );
    }
    if !unseen.is_empty() {
        points.push(Point::unknown(what, format!("{} cannot be read here", unseen.join(", "))));
    }
    if points.is_empty() {
        points
            .push(Point::healthy(what, format!("all {} are what was issued last, or younger", notes.len())));
    }
    points
}

/// How long the cluster lasts without primers.
pub fn horizon(view: &View) -> Area {
    let what = "autonomy without primers";
    let places = Places { trust: view.trust.clone(), secrets: view.secrets.clone() };
    let horizon = match Horizon::new(&view.cluster, &places, &[], view.now) {
        Ok(horizon) => horizon,
        Err(refusal) => return Area::new("horizon", vec![Point::unhealthy(what, refusal.message)]),
    };
    let mut points = vec![match horizon.first() {
        None => Point::unknown(what, format!("`{}` says of nothing when it ends", view.trust.display())),
        Some(item) => {
            let days = horizon.days_until(item.ends);
            let detail =
                format!("{} {} ends on {}, in {days} days", item.kind.as_str(), item.name, item.ends);
            if days >= view.at_least {
                Point::healthy(what, detail)
            } else {
                Point::unhealthy(what, detail).fix("keystone-primer generate-credentials")
            }
        }
    }];
    // Without anything that was issued, one sentence is enough.
    if horizon.first().is_some() {
        points.extend(
            horizon.open.iter().map(|open| Point::unhealthy("what was issued", &open.what).fix(&open.fix)),
        );
    }
    Area::new("horizon", points)
}
