use std::env;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::token::create;

struct Target {
    store: Store,
    identity: Identity,
    key: NodeKey,
    folder: tempfile::TempDir,
}

fn target() -> Target {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("keys")).unwrap();
    let identity =
        Identity { cluster: "production".to_owned(), name: "primer-1".to_owned(), lab: false, since: 1 };
    Target { store, identity, key: NodeKey::generate().unwrap(), folder }
}

impl Target {
    fn token(&self) -> Token {
        create(&self.store, &self.key, "primer-2", "primer-1:6443", 60, 100).unwrap()
    }

    fn answer(
        &self,
        meeting: &Meeting<'_>,
        request: &JoinRequest,
        now: u64,
    ) -> Result<Option<Vec<u8>>, String> {
        answer(&self.store, &self.identity, &self.key, meeting, request, now).map_err(|error| error.message)
    }
}

const EXPORTER: [u8; 32] = [9; 32];

#[test]
fn both_sides_prove_that_they_know_the_token() {
    let (target, joiner) = (target(), NodeKey::generate().unwrap());
    let (joiner_key, target_key) = (joiner.public(), target.key.public());
    let meeting = Meeting { exporter: EXPORTER, joiner: &joiner_key, target: &target_key };
    let token = target.token();
    let request = ask(&token, "production", "primer-2", &meeting).unwrap();
    let proof = target.answer(&meeting, &request, 101).unwrap();
    assert!(proof.is_some());
    let welcome = Welcome { members: Members::new(), proof };
    believe(&token, "production", "primer-2", &meeting, &welcome).unwrap();
    // A proof of the joiner is none of the target.
    let mirrored = Welcome { members: Members::new(), proof: Some(request.proof.clone()) };
    let error = believe(&token, "production", "primer-2", &meeting, &mirrored).unwrap_err();
    assert!(error.message.starts_with("the primer that answers does not know the token"));
    // Whoever lost the answer asks again; another key does not.
    assert_eq!(target.answer(&meeting, &request, 102), Ok(None));
    let other = NodeKey::generate().unwrap().public();
    let stolen = Meeting { exporter: EXPORTER, joiner: &other, target: &target_key };
    let request = ask(&token, "production", "primer-2", &stolen).unwrap();
    assert_eq!(target.answer(&stolen, &request, 102).unwrap_err(), "the token was used, by another primer-2");
    let kept = std::fs::read_to_string(target.folder.path().join("keys/tokens.json")).unwrap();
    assert!(kept.contains("\"sealed\": null"));
}

#[test]
fn what_does_not_fit_is_refused_and_the_token_stays_good() {
    let (target, joiner) = (target(), NodeKey::generate().unwrap());
    let (joiner_key, target_key) = (joiner.public(), target.key.public());
    let meeting = Meeting { exporter: EXPORTER, joiner: &joiner_key, target: &target_key };
    let token = target.token();
    let right = ask(&token, "production", "primer-2", &meeting).unwrap();
    let elsewhere = Meeting { exporter: [8; 32], joiner: &joiner_key, target: &target_key };
    let cases = [
        (target.answer(&elsewhere, &right, 101), "the proof does not fit the token"),
        (
            target.answer(&meeting, &JoinRequest { proof: vec![0; 32], ..right.clone() }, 101),
            "the proof does not fit the token",
        ),
        (
            target.answer(&meeting, &JoinRequest { proof: Vec::new(), ..right.clone() }, 101),
            "the proof does not fit the token",
        ),
        (
            target.answer(&meeting, &JoinRequest { token: "000000".to_owned(), ..right.clone() }, 101),
            "the token is unknown here",
        ),
        (
            target.answer(&meeting, &JoinRequest { role: "node".to_owned(), ..right.clone() }, 101),
            "the token is for primer-2 as primer, not for primer-2 as node",
        ),
        (
            target.answer(&meeting, &JoinRequest { name: "primer-3".to_owned(), ..right.clone() }, 101),
            "the token is for primer-2 as primer, not for primer-3 as primer",
        ),
        (
            target.answer(&meeting, &JoinRequest { cluster: "other".to_owned(), ..right.clone() }, 101),
            "this is the cluster production, not other",
        ),
        (target.answer(&meeting, &right, 160), "the token ended 0 seconds ago"),
    ];
    for (answer, expected) in cases {
        assert_eq!(answer.unwrap_err(), expected);
    }
    assert!(target.answer(&meeting, &right, 159).unwrap().is_some());
    // A revoked one, and one that a newer one replaced.
    let first = target.token();
    let second = target.token();
    let old = ask(&first, "production", "primer-2", &meeting).unwrap();
    assert_eq!(target.answer(&meeting, &old, 101).unwrap_err(), "the token was revoked");
    token::revoke(&target.store, &second.id).unwrap();
    let new = ask(&second, "production", "primer-2", &meeting).unwrap();
    assert_eq!(target.answer(&meeting, &new, 101).unwrap_err(), "the token was revoked");
}

const FOLDER: &str = "KEYSTONE_TEST_FOLDER";
const POINT: &str = "KEYSTONE_TEST_POINT";

fn scene(folder: &Path) -> (Target, NodeKey) {
    let store = Store::open(&folder.join("keys")).unwrap();
    let identity =
        Identity { cluster: "production".to_owned(), name: "primer-1".to_owned(), lab: false, since: 1 };
    let key = NodeKey::from_seed(&[1; 32]).unwrap();
    let target = Target { store, identity, key, folder: tempfile::tempdir().unwrap() };
    (target, NodeKey::from_seed(&[2; 32]).unwrap())
}

#[test]
#[ignore = "the child of the next test"]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (target, joiner) = scene(Path::new(&folder));
    let (joiner_key, target_key) = (joiner.public(), target.key.public());
    let meeting = Meeting { exporter: EXPORTER, joiner: &joiner_key, target: &target_key };
    let token = Token::parse(&std::fs::read_to_string(Path::new(&folder).join("token")).unwrap()).unwrap();
    let request = ask(&token, "production", "primer-2", &meeting).unwrap();
    crate::fault::arm(env::var(POINT).unwrap().parse().unwrap());
    target.answer(&meeting, &request, 101).unwrap();
}

#[test]
fn killed_before_the_answer_the_same_key_gets_in_and_no_second_one_does() {
    for point in 0.. {
        let folder = tempfile::tempdir().unwrap();
        {
            let (target, _) = scene(folder.path());
            std::fs::write(folder.path().join("token"), target.token().text().as_str()).unwrap();
        }
        let status = Command::new(env::current_exe().unwrap())
            .args(["--exact", "join::tests::child", "--ignored", "--quiet"])
            .env(FOLDER, folder.path())
            .env(POINT, point.to_string())
            .status()
            .unwrap();
        let (target, joiner) = scene(folder.path());
        let target_key = target.key.public();
        let token = Token::parse(&std::fs::read_to_string(folder.path().join("token")).unwrap()).unwrap();
        // The same key asks again, and is in whether the token had been marked or not.
        let joiner_key = joiner.public();
        let meeting = Meeting { exporter: EXPORTER, joiner: &joiner_key, target: &target_key };
        let request = ask(&token, "production", "primer-2", &meeting).unwrap();
        target.answer(&meeting, &request, 102).unwrap();
        let other = NodeKey::from_seed(&[3; 32]).unwrap().public();
        let meeting = Meeting { exporter: EXPORTER, joiner: &other, target: &target_key };
        let request = ask(&token, "production", "primer-2", &meeting).unwrap();
        assert!(
            target.answer(&meeting, &request, 102).unwrap_err().starts_with("the token was used"),
            "point {point}"
        );
        if status.success() {
            assert_eq!(point, 7);
            break;
        }
    }
}
