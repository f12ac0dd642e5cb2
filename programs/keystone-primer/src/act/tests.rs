use std::collections::{BTreeMap, BTreeSet};

use keystone_pki::certificate::{PrivateKey, SigningRequest, Subject};
use keystone_pki::request::Request;

use super::*;
use crate::ceremony::Ceremony;
use crate::message::{Body, Signed};
use crate::session::Question;
use crate::signing::{nonce, not_before};
use crate::testing::Trio;

fn csr() -> Vec<u8> {
    let key = PrivateKey::generate(&mut OsRng);
    let subject = Subject { organisation: None, common_name: "worker-1".to_owned() };
    SigningRequest::new(&key, &subject, &BTreeSet::new()).unwrap().der().to_vec()
}

fn leaf(holder: &str, csr: &[u8], from: i64, nonce: &[u8]) -> Request {
    Request::Leaf {
        profile: "node".to_owned(),
        holder: holder.to_owned(),
        csr: csr.to_vec(),
        not_before: from,
        nonce: nonce.to_vec(),
    }
}

/// Asks for one thing, and claims the bytes of another.
fn act(primer: &Primer, asked: &Request, claimed: &Request) -> Act {
    let claimed = primer.rebuilt(1, std::slice::from_ref(claimed)).unwrap();
    Act::Certificates {
        generation: 1,
        requests: vec![asked.clone()],
        claimed: claimed.iter().map(|one| STANDARD.encode(one.bytes())).collect(),
        reason: "a test".to_owned(),
    }
}

/// The question, with the description of the root by which everybody counts.
fn proposed(primer: &Primer, act: Act) -> Question {
    let root = groups::needed(&primer.inner().store, Kind::Root).unwrap();
    Question::Propose { act, fingerprint: root.fingerprint }
}

#[test]
fn a_lying_requester_is_refused_with_what_differs() {
    let trio = Trio::ready();
    let one = &trio.primers[0];
    let (csr, other, now, number) = (csr(), csr(), not_before(), nonce().unwrap());
    let honest = leaf("worker-1", &csr, now, &number);
    let intermediate = Request::Intermediate {
        authority: keystone_model::Authority::Node,
        generation: 9,
        successor: 0,
        csr: {
            let key = PrivateKey::generate(&mut OsRng);
            let subject = Subject { organisation: None, common_name: "production node G9".to_owned() };
            SigningRequest::new(&key, &subject, &BTreeSet::new()).unwrap().der().to_vec()
        },
        not_before: now,
        nonce: number.clone(),
    };
    let cases = [
        ("CA:TRUE", intermediate),
        (
            "worker-2",
            leaf(
                "worker-2",
                &{
                    let key = PrivateKey::generate(&mut OsRng);
                    let subject = Subject { organisation: None, common_name: "worker-2".to_owned() };
                    SigningRequest::new(&key, &subject, &BTreeSet::new()).unwrap().der().to_vec()
                },
                now,
                &number,
            ),
        ),
        ("valid", leaf("worker-1", &csr, now + 600, &number)),
        ("serial", leaf("worker-1", &csr, now, &nonce().unwrap())),
        ("key", leaf("worker-1", &other, now, &number)),
    ];
    let before = trio.state(2);
    for (expected, claimed) in cases {
        let ceremony = Ceremony::begin(one).unwrap();
        let act = act(one, &honest, &claimed);
        let error = ceremony.ask("primer-2", proposed(one, act)).err().unwrap().message;
        assert!(
            error.contains("the requester sent other bytes than its request means")
                && error.to_lowercase().contains(&expected.to_lowercase()),
            "{expected}: {error}"
        );
    }
    // A clock that is a year off is one of the two that are wrong.
    let ceremony = Ceremony::begin(one).unwrap();
    let late = leaf("worker-1", &csr, now - 365 * 86_400, &number);
    let late = Act::Certificates {
        generation: 1,
        requests: vec![late],
        claimed: vec![String::new()],
        reason: "a test".to_owned(),
    };
    let error = ceremony.ask("primer-2", proposed(one, late)).err().unwrap().message;
    assert!(error.contains("one of the two clocks is wrong"), "{error}");
    assert!(trio.state(2) == before, "nothing of it is written");
    // The honest one is agreed to.
    let ceremony = Ceremony::begin(one).unwrap();
    let act = act(one, &honest, &honest);
    let answer = ceremony.ask("primer-2", proposed(one, act)).unwrap().0;
    assert!(matches!(answer, Answer::Committed { .. }));
}

#[test]
fn nonces_are_in_memory_only_and_never_the_same() {
    let trio = Trio::ready();
    let one = &trio.primers[0];
    let request = leaf("worker-1", &csr(), not_before(), &nonce().unwrap());
    let propose = || {
        let ceremony = Ceremony::begin(one).unwrap();
        let act = act(one, &request, &request);
        let answer = ceremony.ask("primer-2", proposed(one, act)).unwrap().0;
        let Answer::Committed { commitments } = answer else { panic!("it did not commit") };
        (ceremony, commitments)
    };
    let before = trio.state(2);
    let (ceremony, commitments) = propose();
    assert!(trio.state(2) == before, "between commitment and signature the folder is as it was before");
    let (_, others) = propose();
    assert_ne!(commitments, others);

    // A copy of the folder cannot answer the session, however the question comes.
    let (_folder, copy) = trio.copy(2);
    let (identity, key, members) = one.whoami().unwrap();
    let theirs = BTreeMap::from([("primer-2".to_owned(), commitments.clone())]);
    let message = Message {
        version: 1,
        cluster: identity.cluster,
        session: ceremony.session.clone(),
        number: 99,
        from: "primer-1".to_owned(),
        to: "primer-2".to_owned(),
        until: clock::now() + 60,
        body: Body::Question(Box::new(Question::Sign { commitments: theirs.clone() })),
    };
    let error = copy.respond(Some("primer-1"), &Signed::new(&key, &message).unwrap()).err().unwrap().message;
    assert!(error.contains("is unknown here: it ended, or this primer was restarted"), "{error}");
    // The one that committed refuses a quorum of one, and its nonces are gone with that.
    let error =
        ceremony.ask("primer-2", Question::Sign { commitments: theirs.clone() }).err().unwrap().message;
    assert!(error.contains("this primer does not sign"), "{error}");
    let error = ceremony.ask("primer-2", Question::Sign { commitments: theirs }).err().unwrap().message;
    assert!(error.contains("is not at the point of signing"), "{error}");
    assert!(members.contains_key("primer-2"));
}

#[test]
fn a_liar_is_named_by_proof_and_the_others_go_on() {
    let trio = Trio::ready();
    // Primer 2 signs as everybody does, and sends a partial signature that is none of its share.
    trio.lies(
        2,
        std::sync::Arc::new(|primer, signed| {
            let (identity, key, members) = primer.whoami()?;
            let mut message = signed.read_any(&identity, &members)?;
            if let Body::Answer(answer) = &mut message.body
                && let Answer::Partials { partials } = &mut **answer
            {
                for partial in partials {
                    let mut bytes = STANDARD.decode(&*partial).unwrap();
                    // The scalar's lowest byte: the envelope stays whole.
                    let place = bytes.len() - 32;
                    bytes[place] ^= 1;
                    *partial = STANDARD.encode(bytes);
                }
            }
            Signed::new(&key, &message)
        }),
    );
    let told = std::sync::Mutex::new(Vec::new());
    let request = leaf("worker-1", &csr(), not_before(), &nonce().unwrap());
    // Who is the quorum depends on who is faster; the liar is in one of them before long.
    for _ in 0..20 {
        let signed = trio.primers[0].sign(1, std::slice::from_ref(&request), "a test", None, &|text| {
            told.lock().unwrap().push(text);
        });
        signed.unwrap();
        if !told.lock().unwrap().is_empty() {
            break;
        }
    }
    let told = told.lock().unwrap().join("\n");
    assert!(
        told.contains("primer-2 sent a partial signature that does not verify; going on without it"),
        "{told}"
    );
    // It is in the record of the others.
    let inner = trio.primers[0].inner();
    let head = crate::transcript::head(&inner.store, "primer-1").unwrap();
    let kinds: Vec<String> = (1..=head.number)
        .map(|number| {
            crate::transcript::entry(&inner.store, "primer-1", number).unwrap().unwrap().read().unwrap().kind
        })
        .collect();
    assert!(kinds.contains(&"liar".to_owned()), "{kinds:?}");
}

/// What a lying member sends instead of its answer.
type Change = fn(&mut Answer);

#[test]
fn a_member_that_lies_while_a_key_is_made_is_named_and_no_key_comes_of_it() {
    let trio = Trio::ready();
    let one = &trio.primers[0];
    let keys = BTreeMap::from([(Kind::Root, 2)]);
    let quiet = |_: String| {};
    let made = |n: usize| {
        let inner = trio.primers[n - 1].inner();
        let kept = groups::fingerprints(&inner.store).unwrap();
        (kept.get("root-G2").cloned(), groups::waiting(&inner.store).unwrap().len())
    };
    let lies: [(&str, Change); 2] = [
        ("primer-2", |answer| {
            // A proof that it knows what it committed to, of which one bit is another.
            if let Answer::First { package, .. } = answer {
                let mut bytes = STANDARD.decode(&*package).unwrap();
                let place = bytes.len() - 32;
                bytes[place] ^= 1;
                *package = STANDARD.encode(bytes);
            }
        }),
        ("primer-2", |answer| {
            // It says that it saw other first packages than everybody else.
            if let Answer::Echo { hash } = answer {
                *hash = crate::node_key::hash(b"something else");
            }
        }),
    ];
    for (liar, change) in lies {
        trio.lies(
            2,
            std::sync::Arc::new(move |primer, signed| {
                let (identity, key, members) = primer.whoami()?;
                let mut message = signed.read_any(&identity, &members)?;
                if let Body::Answer(answer) = &mut message.body {
                    change(answer);
                }
                Signed::new(&key, &message)
            }),
        );
        let error = one.rotate(Stage::Generate, &keys, "a test", None, &quiet).unwrap_err().to_string();
        let reason = error.split("the generation of the root key ended: ").nth(1);
        assert!(reason.is_some_and(|reason| reason.contains(liar)), "{error}");
        for n in 1..=3 {
            assert_eq!(made(n), (None, 0), "{liar}: nothing of it is kept by primer-{n}");
        }
        // The old key works as before.
        let request = leaf("worker-1", &csr(), not_before(), &nonce().unwrap());
        one.sign(1, &[request], "a test", None, &quiet).unwrap();
    }
    // Once it is honest the same is made.
    *trio.primers[1].lie.lock().unwrap() = None;
    one.rotate(Stage::Generate, &keys, "a test", None, &quiet).unwrap();
    assert!(made(1).0.is_some());
    assert_eq!(made(1), made(2));
    assert_eq!(made(1), made(3));
}
