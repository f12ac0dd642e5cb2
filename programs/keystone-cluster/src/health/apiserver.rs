//! API servers: each says that it is ready.

use std::thread;

use keystone_model::Name;

use keystone_primer::ask::{Anchor, Fault};

use super::View;
use super::report::{Area, Point};

const PORT: u16 = 6443;
/// Any certificate of a node will do: whoever is authenticated may ask whether it is ready.
const LEAVES: [&str; 2] = ["kubelet", "apiserver-kubelet"];

pub fn look(view: &View) -> Area {
    let nodes = view.control_plane();
    let points = thread::scope(|scope| {
        let asked: Vec<_> = nodes.iter().map(|node| scope.spawn(move || point(view, node))).collect();
        asked.into_iter().filter_map(|one| one.join().ok()).collect()
    });
    Area::new("API", points)
}

fn point(view: &View, node: &Name) -> Point {
    let what = format!("API server on {node}");
    let host = view.mesh_name(node);
    let fix = format!("on {node}: journalctl -u kube-apiserver");
    let question = ("GET", "/readyz?verbose", "");
    match view.asker.ask((&host, PORT), Anchor::Bundle("kubernetes"), &LEAVES, question) {
        Ok(answer) if answer.status == 200 => {
            let ends = answer.certificate.map(|certificate| certificate.contents().validity.not_after);
            let ends = ends.map(|ends| format!(", its certificate until {ends}")).unwrap_or_default();
            Point::healthy(what, format!("ready{ends}"))
        }
        Ok(answer) if matches!(answer.status, 401 | 403) => {
            Point::unknown(what, format!("it does not let this node ask (status {})", answer.status))
                .fix("keystone-primer generate-credentials")
        }
        Ok(answer) => {
            // A line a check: `[-]etcd failed: reason withheld`.
            let failed: Vec<&str> = answer.body.lines().filter(|line| line.starts_with("[-]")).collect();
            let why = if failed.is_empty() { format!("status {}", answer.status) } else { failed.join(", ") };
            Point::unhealthy(what, format!("not ready: {why}")).fix(fix)
        }
        Err(Fault::Unseen(why)) => Point::unknown(what, why).fix("run it on a node of the cluster"),
        Err(Fault::Wrong(why)) => Point::unhealthy(what, why).fix(fix),
    }
}
