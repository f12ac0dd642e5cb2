use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::*;

const FOLDER: &str = "KEYSTONE_TEST_FOLDER";
const POINT: &str = "KEYSTONE_TEST_POINT";

fn places(folder: &Path) -> Places {
    Places {
        secrets: folder.join("secrets"),
        trust: folder.join("trust"),
        identity: folder.join("identity.txt"),
    }
}

/// What goes when the others are replaced.
const OLD: &str = "service-account/sa-2026-05.pub";

const FILES: [(Folder, &str); 4] = [
    (Folder::Secrets, "k8s-ca-key.age"),
    (Folder::Secrets, "pki-worker-1.age"),
    (Folder::Trust, "kubernetes-ca.crt"),
    (Folder::Trust, "service-account/sa-2026-11.pub"),
];

fn write(places: &Places, text: &'static [u8]) {
    let journal = Journal::open(places).unwrap();
    let old = (text == b"old").then_some(text);
    let files = FILES.iter().map(|(folder, name)| (*folder, *name, Some(text)));
    journal.replace(files.chain([(Folder::Trust, OLD, old)])).unwrap();
}

#[test]
#[ignore = "the child of the next test"]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let places = places(Path::new(&folder));
    fault::arm(env::var(POINT).unwrap().parse().unwrap());
    write(&places, b"new");
}

#[test]
fn killed_at_any_point_all_files_are_old_or_all_are_new() {
    let (mut killed, mut new) = (0, 0);
    for point in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        write(&places, b"old");
        let status = Command::new(env::current_exe().unwrap())
            .args(["--exact", "credentials::journal::tests::child", "--ignored", "--quiet"])
            .env(FOLDER, folder.path())
            .env(POINT, point.to_string())
            .status()
            .unwrap();
        drop(Journal::open(&places).unwrap());
        let found: Vec<Vec<u8>> =
            FILES.iter().map(|(inside, name)| fs::read(inside.of(&places).join(name)).unwrap()).collect();
        assert!(found.iter().all(|text| *text == found[0]), "point {point}: {found:?}");
        new += usize::from(found[0] == b"new");
        assert_eq!(places.trust.join(OLD).exists(), found[0] == b"old", "point {point}");
        for folder in [&places.secrets, &places.trust, &places.trust.join("service-account")] {
            for entry in fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().to_string_lossy().into_owned();
                assert!(!name.starts_with('.'), "point {point}: {name}");
            }
        }
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9));
        killed += 1;
    }
    // Two points for each of five files; then one after the list, four renames and a removal, one before the list goes;
    // and the run that came to its end.
    assert_eq!((killed, new), (17, 8));
}

#[test]
fn a_list_that_leads_elsewhere_is_refused_and_two_runs_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let places = places(folder.path());
    let journal = Journal::open(&places).unwrap();
    let error = Journal::open(&places).err().unwrap().to_string();
    assert!(error.starts_with("another run is writing"), "{error}");
    drop(journal);
    for name in ["../../victim", "/victim", ""] {
        let list = serde_json::json!([{ "folder": "secrets", "name": name }]).to_string();
        fs::write(places.trust.join(LIST), list).unwrap();
        let error = Journal::open(&places).err().unwrap().to_string();
        assert!(error.contains(".unfinished.json` cannot be read"), "{error}");
    }
}
