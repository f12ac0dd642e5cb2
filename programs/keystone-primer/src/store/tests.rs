use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::*;

const FOLDER: &str = "KEYSTONE_TEST_FOLDER";
const POINT: &str = "KEYSTONE_TEST_POINT";

/// What the child does: two files that belong together only by their own contents, and one that goes.
fn work(store: &Store) {
    store.write("a", b"new").unwrap();
    store.write("deep/er/b", b"new").unwrap();
    store.remove("c").unwrap();
}

#[test]
#[ignore = "the child of the next test"]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let store = Store::open(Path::new(&folder)).unwrap();
    fault::arm(env::var(POINT).unwrap().parse().unwrap());
    work(&store);
}

#[test]
fn killed_at_any_point_it_holds_the_old_or_the_new() {
    let mut killed = 0;
    for point in 0.. {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        {
            let store = Store::open(folder.path()).unwrap();
            store.write("a", b"old").unwrap();
            store.write("c", b"old").unwrap();
        }
        let status = Command::new(env::current_exe().unwrap())
            .args(["--exact", "store::tests::child", "--ignored", "--quiet"])
            .env(FOLDER, folder.path())
            .env(POINT, point.to_string())
            .status()
            .unwrap();
        let store = Store::open(folder.path()).unwrap();
        let a = store.read("a").unwrap().unwrap();
        let b = store.read("deep/er/b").unwrap();
        assert!(matches!(a.as_slice(), b"old" | b"new"), "point {point}: {a:?}");
        assert!(b.is_none_or(|b| b.as_slice() == b"new"), "point {point}");
        for folder in ["", "deep", "deep/er"] {
            assert!(store.list(folder).unwrap().iter().all(|name| !name.starts_with('.')), "point {point}");
        }
        // It goes on from there.
        work(&store);
        assert!(store.read("c").unwrap().is_none());
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9));
        killed += 1;
    }
    assert_eq!(killed, 15);
}

#[test]
fn is_one_programs_alone_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("keys");
    let store = Store::open(&inside).unwrap();
    store.write("x/secret", b"1").unwrap();
    let mode = |name: &str| fs::metadata(inside.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(""), mode("x"), mode("x/secret")], [0o700, 0o700, 0o600]);
    let error = Store::open(&inside).err().unwrap().to_string();
    assert_eq!(
        error,
        format!(
            "another program uses `{}`\n  next: ask the running primer instead: keystone-primer status",
            inside.display()
        )
    );
    drop(store);
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o750)).unwrap();
    let error = Store::open(&inside).err().unwrap().to_string();
    assert!(error.contains("can be entered by others (mode 750)\n  next: chmod 700"), "{error}");
}

#[test]
fn a_folder_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("keys");
    Store::open(&inside).unwrap().write("version", b"2\n").unwrap();
    let error = Store::open(&inside).err().unwrap().to_string();
    assert!(error.contains("is of version 2, and this program knows 1"), "{error}");
}

#[test]
fn a_damaged_file_is_named_without_its_contents() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("keys")).unwrap();
    store.write("members.json", b"{\"a\": SECRET}").unwrap();
    let error = store.load::<serde_json::Value>("members.json").err().unwrap().to_string();
    assert!(error.contains("members.json` is damaged at line 1, column 7"), "{error}");
    assert!(!error.contains("SECRET"));
}
