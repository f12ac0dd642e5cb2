//! The control plane rotates its intermediates while every primer is off, until no successor is left.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod asleep;
mod enrolment;

use std::fs;
use std::path::{Path, PathBuf};

use asleep::asleep;
use enrolment::opened;
use keystone_pki::certificate::Certificate;

const AUTHORITIES: [&str; 4] = ["kubernetes", "etcd", "front-proxy", "node"];

fn names(bundle: &[Certificate]) -> Vec<String> {
    bundle.iter().map(|one| one.contents().subject.common_name.clone()).collect()
}

#[test]
fn intermediates_are_rotated_without_primers_until_none_is_left() {
    let place = asleep();
    let root = Certificate::from_pem(&fs::read_to_string(place.path("trust/root-ca.crt")).unwrap()).unwrap();
    // Who will not use them cannot open them: neither a primer, nor an admin, nor a worker.
    for authority in ["k8s", "etcd", "front-proxy", "node"] {
        let bytes = fs::read(place.path(&format!("secrets/{authority}-ca-successors.age"))).unwrap();
        for identity in ["nodes/primer-1", "people/alice", "nodes/worker-1"] {
            assert!(opened(&bytes, identity).is_none(), "{identity}");
        }
    }
    let error = place.refused(&["--type", "intermediate"], "nodes/worker-1.txt");
    assert!(error.contains("-ca-successors.age` with"), "{error}");

    let before: Vec<Vec<Certificate>> = AUTHORITIES.map(|name| place.bundle(name)).into();
    assert_eq!(
        names(&before[0]),
        [
            "production kubernetes G1",
            "production kubernetes G2",
            "production kubernetes G3",
            "production kubernetes G4"
        ]
    );
    let old = place.leaf("control-1", "apiserver");
    let planned = place.done(&["--type", "intermediate", "--dry-run"]);
    assert_eq!(planned["written"], serde_json::json!([]));
    let done = place.done(&["--type", "intermediate", "--overlap-days", "0"]);
    assert!(done["written"].as_array().unwrap().len() > 20, "{done}");
    for (name, before) in AUTHORITIES.iter().zip(&before) {
        let after = place.bundle(name);
        let generations = [1, 2, 3, 0].map(|at: usize| before[at].clone());
        assert_eq!(after, generations, "{name}: the one before comes last and is still believed");
        let (was, is) = (before[0].contents(), after[0].contents());
        assert_ne!(was.key, is.key);
        assert_ne!(was.subject_key_id, is.subject_key_id);
        after[0].verify(&root).unwrap();
    }
    // A leaf of before and one of now are both believed by the bundle.
    let new = place.leaf("control-1", "apiserver");
    assert_ne!(old[0].contents().key, new[0].contents().key);
    let bundle = place.bundle("kubernetes");
    new[0].verify(&bundle[0]).unwrap();
    old[0].verify(&bundle[3]).unwrap();
    assert_eq!(new[1], bundle[0]);

    let error = place.refused(&["--type", "intermediate"], "nodes/control-1.txt");
    assert!(error.contains("was rotated from G1 to G2, and the overlap lasts and can end now"), "{error}");
    place.done(&["--type", "intermediate", "--finish"]);
    assert_eq!(
        names(&place.bundle("etcd")),
        ["production etcd G2", "production etcd G3", "production etcd G4"]
    );
    assert!(old[0].verify(&place.bundle("kubernetes")[0]).is_err());

    // One alone, with an overlap that lasts.
    place.done(&["--type", "intermediate", "--only", "etcd"]);
    assert_eq!(place.bundle("kubernetes")[0].contents().subject.common_name, "production kubernetes G2");
    place.leaf("control-2", "etcd")[0].verify(&place.bundle("etcd")[0]).unwrap();
    let error = place.refused(&["--type", "intermediate", "--finish"], "nodes/control-1.txt");
    assert!(error.contains("the overlap of etcd lasts until"), "{error}");

    for _ in 0..2 {
        let only = ["--type", "intermediate", "--only", "node", "--overlap-days", "0"];
        place.done(&only);
        place.done(&["--type", "intermediate", "--only", "node", "--finish"]);
    }
    assert_eq!(names(&place.bundle("node")), ["production node G4"]);
    let error = place.refused(&["--type", "intermediate", "--only", "node"], "nodes/control-1.txt");
    assert!(error.starts_with("no successor of the intermediate node is left"), "{error}");
    assert!(error.contains("keystone-primer generate-credentials"), "{error}");
    let idle = place.done(&["--type", "leaves"]);
    assert_eq!(idle["written"], serde_json::json!([]));
    let leftovers: Vec<PathBuf> = place.files().into_keys().filter(|path| hidden(path)).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
