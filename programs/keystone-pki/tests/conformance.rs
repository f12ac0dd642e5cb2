//! Chains, sound and broken, judged by those who will judge them: rustls-webpki, OpenSSL, and by `checks/conformance/pki` Go.
//!
//! With `KEYSTONE_CONFORMANCE_DIR` the cases are written there, as `cases.json` and PEM files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::chains::{Forged, NOW, Root, all, cluster, forge, forge_certificate, root};
use common::rng;
use keystone_model::{Authority, Cluster};
use keystone_pki::certificate::{Certificate, Kind, PrivateKey, Time, Usage};
use keystone_pki::crl::{ListContents, Reason, RevocationList, Revoked};
use keystone_pki::profile::Identity;
use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use serde::Serialize;
use webpki::{
    CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationOptionsBuilder,
};

/// One question to a verifier, and the right answer.
#[derive(Serialize)]
struct Case {
    name: String,
    anchors: String,
    intermediates: String,
    leaf: String,
    /// `server` or `client`.
    usage: &'static str,
    /// The host that a client asked for.
    host: Option<String>,
    /// Seconds since 1970.
    time: i64,
    /// A list of revoked certificates of the leaf's issuer.
    list: Option<String>,
    accepted: bool,
    #[serde(skip)]
    parts: Parts,
}

#[derive(Clone)]
struct Parts {
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    leaf: Certificate,
    list: Option<RevocationList>,
}

struct Cases(Vec<Case>);

impl Cases {
    #[allow(clippy::too_many_arguments, reason = "a question has as many parts")]
    fn add(
        &mut self,
        name: &str,
        anchors: &[&Certificate],
        intermediates: &[&Certificate],
        leaf: &Certificate,
        usage: Usage,
        accepted: bool,
    ) -> &mut Case {
        let owned = |list: &[&Certificate]| list.iter().map(|c| (*c).clone()).collect::<Vec<_>>();
        let host = leaf.contents().alt_names.iter().find_map(|name| match name {
            keystone_pki::certificate::AltName::Dns(host) => Some(host.clone()),
            _ => None,
        });
        let bundle = |list: &[&Certificate]| list.iter().map(|c| c.pem()).collect::<String>();
        self.0.push(Case {
            name: name.to_owned(),
            anchors: bundle(anchors),
            intermediates: bundle(intermediates),
            leaf: leaf.pem(),
            usage: if usage == Usage::Server { "server" } else { "client" },
            host: host.filter(|_| usage == Usage::Server),
            time: NOW.plus(60).unix(),
            list: None,
            accepted,
            parts: Parts {
                anchors: owned(anchors),
                intermediates: owned(intermediates),
                leaf: leaf.clone(),
                list: None,
            },
        });
        self.0.last_mut().unwrap()
    }
}

fn usages(certificate: &Certificate) -> Vec<Usage> {
    match &certificate.contents().kind {
        Kind::Leaf { usages } => usages.iter().copied().collect(),
        Kind::Authority { .. } => Vec::new(),
    }
}

fn cases() -> Cases {
    let cluster = cluster();
    let (old, new) = (root(&cluster, 1), root(&cluster, 2));
    let mut cases = Cases(Vec::new());
    every_leaf(&mut cases, &cluster, &old);
    four_paths(&mut cases, &cluster, &old, &new);
    broken(&mut cases, &cluster, &old);
    revoked(&mut cases, &cluster, &old);
    cases
}

/// Root, intermediate, each kind of leaf, in each of its uses; and anchored at the intermediate alone, as consumers do.
fn every_leaf(cases: &mut Cases, cluster: &Cluster, root: &Root) {
    let mut seen: Vec<Identity> = Vec::new();
    for identity in all(cluster) {
        if !seen.iter().any(|other| other.profile().name == identity.profile().name) {
            seen.push(identity);
        }
    }
    assert_eq!(seen.len(), keystone_pki::profile::PROFILES.len());
    for (n, identity) in seen.iter().enumerate() {
        let name = identity.profile().name;
        let (leaf, _) = root.leaf(identity, 500 + n as u64);
        let intermediate = root.intermediates[&identity.profile().authority].certificate();
        let right = usages(&leaf);
        for usage in [Usage::Server, Usage::Client] {
            let accepted = right.contains(&usage);
            let title = format!("{name} as {usage}");
            cases.add(
                &format!("{title}, by the root"),
                &[&root.certificate],
                &[intermediate],
                &leaf,
                usage,
                accepted,
            );
            cases.add(&format!("{title}, by its intermediate"), &[intermediate], &[], &leaf, usage, accepted);
        }
    }
}

fn kubelet(cluster: &Cluster) -> Identity {
    Identity::new(cluster, "kubelet", "worker-1").unwrap()
}

fn four_paths(cases: &mut Cases, cluster: &Cluster, old: &Root, new: &Root) {
    let new_by_old = old.cross(cluster, new);
    let old_by_new = new.cross(cluster, old);
    let (old_leaf, _) = old.leaf(&kubelet(cluster), 600);
    let (new_leaf, _) = new.leaf(&kubelet(cluster), 601);
    let intermediate = |root: &Root| root.intermediates[&Authority::Kubernetes].certificate().clone();
    // Everybody is sent both cross-certificates, whichever of them helps.
    let sent = |own: &Certificate| [own.clone(), new_by_old.clone(), old_by_new.clone()];
    for (title, anchor, leaf, chain) in [
        ("old anchor, old intermediate", old, &old_leaf, sent(&intermediate(old))),
        ("old anchor, new intermediate", old, &new_leaf, sent(&intermediate(new))),
        ("new anchor, old intermediate", new, &old_leaf, sent(&intermediate(old))),
        ("new anchor, new intermediate", new, &new_leaf, sent(&intermediate(new))),
    ] {
        let chain: Vec<&Certificate> = chain.iter().collect();
        cases.add(title, &[&anchor.certificate], &chain, leaf, Usage::Server, true);
    }
    for (title, anchor, leaf, own) in [
        ("old anchor, new intermediate, nobody vouches", old, &new_leaf, intermediate(new)),
        ("new anchor, old intermediate, nobody vouches", new, &old_leaf, intermediate(old)),
    ] {
        cases.add(title, &[&anchor.certificate], &[&own], leaf, Usage::Server, false);
    }
}

/// What thieves and mistakes make.
fn broken(cases: &mut Cases, cluster: &Cluster, root: &Root) {
    let intermediate = |authority| &root.intermediates[&authority];
    let (kubernetes, node) = (intermediate(Authority::Kubernetes), intermediate(Authority::Node));
    let key = PrivateKey::generate(&mut rng(700)).public();
    let anchor = kubernetes.certificate();

    // Whoever has another intermediate's key makes itself an administrator.
    let masters =
        Forged { organisation: Some("system:masters"), common_name: "thief", dns: vec![], authority: false };
    for authority in [Authority::Node, Authority::Etcd, Authority::FrontProxy] {
        let leaf = forge_certificate(intermediate(authority), &masters, &key, 701);
        let own = intermediate(authority).certificate();
        let title = format!("system:masters of the {} intermediate, to the API server", authority.as_str());
        cases.add(&title, &[anchor], &[own, &root.certificate], &leaf, Usage::Client, false);
        // This is why client authentication is never anchored on the root.
        cases.add(
            &format!("{title}, if it believed the root"),
            &[&root.certificate],
            &[own],
            &leaf,
            Usage::Client,
            true,
        );
    }

    // An intermediate makes another authority.
    let rogue = Forged { organisation: None, common_name: "rogue", dns: vec![], authority: true };
    let rogue = forge(node, &rogue, 702);
    let host = Forged {
        organisation: None,
        common_name: "w",
        dns: vec!["worker-1.keystone.internal"],
        authority: false,
    };
    let leaf = forge_certificate(&rogue, &host, &key, 703);
    let chain = [rogue.certificate(), node.certificate()];
    cases.add(
        "an authority below an intermediate",
        &[&root.certificate],
        &chain,
        &leaf,
        Usage::Server,
        false,
    );

    // Names outside what the intermediate may vouch for, and the same way with one inside.
    for (authority, inside, outside) in [
        (Authority::Node, "primer-1.keystone.internal", "www.example.com"),
        (Authority::Etcd, "control-1.keystone.internal", "mesh.keystone.example"),
        (Authority::FrontProxy, "control-1.keystone.internal", "keystone.example"),
        (Authority::Kubernetes, "webhook.default.svc", "mesh.keystone.example"),
        (Authority::Kubernetes, "worker-1", "primer-1.relay.keystone.example"),
    ] {
        for (host, accepted) in [(inside, true), (outside, false)] {
            let forged = Forged { organisation: None, common_name: "w", dns: vec![host], authority: false };
            let leaf = forge_certificate(intermediate(authority), &forged, &key, 704);
            let own = intermediate(authority).certificate();
            let title = format!("{host} of the {} intermediate", authority.as_str());
            cases.add(&title, &[&root.certificate], &[own], &leaf, Usage::Server, accepted);
        }
    }

    // Too late, too early.
    let (leaf, _) = root.leaf(&kubelet(cluster), 705);
    for (title, time) in [
        ("expired by a minute", leaf.contents().validity.not_after.plus(60)),
        ("not valid yet", NOW.plus(-60)),
    ] {
        let chain = [kubernetes.certificate()];
        cases.add(title, &[&root.certificate], &chain, &leaf, Usage::Server, false).time = time.unix();
    }

    // Another host.
    let chain = [kubernetes.certificate()];
    let case = cases.add("another host", &[&root.certificate], &chain, &leaf, Usage::Server, false);
    case.host = Some("worker-2".to_owned());
}

fn revoked(cases: &mut Cases, cluster: &Cluster, root: &Root) {
    let etcd = &root.intermediates[&Authority::Etcd];
    let member = |name, seed| root.leaf(&Identity::new(cluster, "etcd", name).unwrap(), seed).0;
    let (good, gone) = (member("control-1", 800), member("control-2", 801));
    let revoked = Revoked { at: NOW, reason: Reason::KeyCompromise };
    let list = |revoked: BTreeMap<_, _>, number| {
        let contents = ListContents { number, this_update: NOW, next_update: NOW.plus_days(30), revoked };
        let list = RevocationList::issue(&contents, etcd).unwrap();
        list.verify(etcd.certificate().contents()).unwrap();
        list
    };
    let full = list(BTreeMap::from([(gone.contents().serial, revoked)]), 2);
    assert!(full.has(&gone.contents().serial) && !full.has(&good.contents().serial));
    let empty = list(BTreeMap::new(), 1);
    for (title, leaf, list, accepted) in [
        ("a member that is not on the list", &good, &full, true),
        ("a member that is on the list", &gone, &full, false),
        ("the same member before it was revoked", &gone, &empty, true),
    ] {
        let case = cases.add(title, &[etcd.certificate()], &[], leaf, Usage::Client, accepted);
        case.list = Some(list.pem());
        case.parts.list = Some(list.clone());
    }
}

const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] =
    &[webpki::ring::ED25519, webpki::ring::ECDSA_P256_SHA256];

fn webpki(case: &Case) -> Result<(), String> {
    let der = |c: &Certificate| CertificateDer::from(c.der().to_vec());
    let anchors: Vec<_> = case.parts.anchors.iter().map(der).collect();
    let anchors: Vec<_> = anchors.iter().map(|a| webpki::anchor_from_trusted_cert(a).unwrap()).collect();
    let intermediates: Vec<_> = case.parts.intermediates.iter().map(der).collect();
    let leaf = der(&case.parts.leaf);
    let leaf = EndEntityCert::try_from(&leaf).map_err(|e| e.to_string())?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(case.time).unwrap()));
    let usage = if case.usage == "server" { KeyUsage::server_auth() } else { KeyUsage::client_auth() };
    let list = case
        .parts
        .list
        .as_ref()
        .map(|list| CertRevocationList::from(OwnedCertRevocationList::from_der(list.der()).unwrap()));
    let lists: Vec<_> = list.iter().collect();
    let revocation = (!lists.is_empty()).then(|| {
        RevocationOptionsBuilder::new(&lists)
            .unwrap()
            .with_depth(webpki::RevocationCheckDepth::EndEntity)
            .build()
    });
    leaf.verify_for_usage(ALGORITHMS, &anchors, &intermediates, time, usage, revocation, None)
        .map_err(|e| e.to_string())?;
    if let Some(host) = &case.host {
        let name = ServerName::try_from(host.as_str()).unwrap();
        leaf.verify_is_valid_for_subject_name(&name).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn openssl(case: &Case, folder: &Path) -> Result<(), String> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-attime", &case.time.to_string()]);
    command.args(["-purpose", if case.usage == "server" { "sslserver" } else { "sslclient" }]);
    command.arg("-no-CApath").arg("-no-CAstore").arg("-CAfile").arg(write("anchors.pem", &case.anchors));
    // An intermediate is an anchor for OpenSSL only if it is told so.
    if case.parts.anchors.iter().any(|c| c.contents().subject != c.contents().issuer) {
        command.arg("-partial_chain");
    }
    if !case.intermediates.is_empty() {
        command.arg("-untrusted").arg(write("intermediates.pem", &case.intermediates));
    }
    if let Some(list) = &case.list {
        command.arg("-crl_check").arg("-CRLfile").arg(write("list.pem", list));
    }
    if let Some(host) = &case.host {
        command.args(["-verify_hostname", host]);
    }
    let done = command.arg(write("leaf.pem", &case.leaf)).output().unwrap();
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

fn judge(name: &str, cases: &Cases, verify: impl Fn(&Case) -> Result<(), String>) {
    let wrong: Vec<String> = cases
        .0
        .iter()
        .filter_map(|case| match (verify(case), case.accepted) {
            (Ok(()), true) | (Err(_), false) => None,
            (Ok(()), false) => Some(format!("{}: accepted", case.name)),
            (Err(why), true) => Some(format!("{}: refused: {why}", case.name)),
        })
        .collect();
    assert!(wrong.is_empty(), "{name} judges otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn webpki_and_openssl_judge_every_chain_as_we_do() {
    let cases = cases();
    let names: std::collections::BTreeSet<_> = cases.0.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.0.len(), "each case has a name of its own");
    let refused = cases.0.iter().filter(|case| !case.accepted).count();
    assert!(refused > 20 && cases.0.len() - refused > 40);

    judge("rustls-webpki", &cases, webpki);
    if Command::new("openssl").arg("version").output().is_ok() {
        let folder = tempfile::tempdir().unwrap();
        judge("OpenSSL", &cases, |case| openssl(case, folder.path()));
    } else {
        eprintln!("openssl is not on PATH and was not asked");
    }
    if let Some(folder) = std::env::var_os("KEYSTONE_CONFORMANCE_DIR") {
        let text = serde_json::to_string_pretty(&cases.0).unwrap();
        std::fs::write(Path::new(&folder).join("cases.json"), text).unwrap();
    }
}

#[test]
fn what_is_read_is_what_was_written() {
    let cluster = cluster();
    let root = root(&cluster, 1);
    let (leaf, _) = root.leaf(&kubelet(&cluster), 900);
    let intermediate = root.intermediates[&Authority::Kubernetes].certificate();
    let bundle = format!("{}{}", leaf.pem(), intermediate.pem());
    assert_eq!(Certificate::bundle(&bundle).unwrap(), [leaf.clone(), intermediate.clone()]);
    assert_eq!(Certificate::from_der(leaf.der()).unwrap(), leaf);
    // Nobody else's signature passes.
    assert!(leaf.verify(&root.certificate).is_err());
    assert!(leaf.verify(&leaf).is_err());
    assert!(intermediate.verify(&root.certificate).is_ok());
    assert!(leaf.contents().validity.renewal() < leaf.contents().validity.not_after);
    assert!(Time::from_unix(0) < leaf.contents().validity.not_before);
}
