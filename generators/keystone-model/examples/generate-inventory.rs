//! Writes an inventory of N nodes with the proportions of a real cluster, and trust material that fits it.
//!
//! `cargo run -p keystone-model --example generate-inventory -- N OUT_DIR` writes `OUT_DIR/cluster.toml` and
//! `OUT_DIR/trust/`. The same N always gives the same bytes. Keys are numbers in the shape of keys: any 32 bytes are
//! a public key of X25519, and nobody has the private half.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for benchmarks stops at the first surprise"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use keystone_model::{Format, Inventory, recipients_file};

/// How many machines of each kind a cluster of so many nodes has.
struct Shape {
    control_plane: usize,
    workers: usize,
    storage: usize,
    ingress: usize,
    monitoring: usize,
    backup: usize,
    people: usize,
}

const PRIMERS: usize = 3;
const GROUPS: usize = 10;
const RULES: usize = 20;

impl Shape {
    fn of(nodes: usize) -> Self {
        let control_plane = if nodes >= 100 { 5 } else { 1 + 2 * usize::from(nodes >= 10) };
        let rest = nodes.saturating_sub(PRIMERS + control_plane);
        let (storage, ingress) = (rest / 10, rest / 20);
        // One collector and one receiver of backups for every thousand machines, once there are ten.
        let each_thousand = if nodes >= 10 { nodes.div_ceil(1000).min(rest / 4) } else { 0 };
        Self {
            control_plane,
            storage,
            ingress,
            monitoring: each_thousand,
            backup: each_thousand,
            workers: rest - storage - ingress - 2 * each_thousand,
            people: (nodes / 10).max(2),
        }
    }

    fn roles(&self) -> Vec<&'static str> {
        [
            (PRIMERS, "primer"),
            (self.control_plane, "control-plane"),
            (self.workers, "worker"),
            (self.storage, "storage"),
            (self.ingress, "ingress"),
            (self.monitoring, "monitoring"),
            (self.backup, "backup"),
        ]
        .into_iter()
        .flat_map(|(n, role)| std::iter::repeat_n(role, n))
        .collect()
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [nodes, out] = arguments.as_slice() else {
        eprintln!("usage: generate-inventory N OUT_DIR, with N from 5 to 60000");
        std::process::exit(2);
    };
    let nodes: usize = nodes.parse().ok().filter(|n| (5..=60_000).contains(n)).unwrap_or_else(|| {
        eprintln!("`{nodes}` is no number from 5 to 60000");
        std::process::exit(2);
    });
    let out = Path::new(out);
    let text = inventory(nodes);
    let read = Inventory::read(text.as_bytes(), Format::Toml).expect("what is generated is right");
    fs::create_dir_all(out.join("trust/service-account")).unwrap();
    fs::write(out.join("cluster.toml"), text).unwrap();
    copy_trust(&out.join("trust"));
    fs::write(out.join("trust/recipients.txt"), recipients_file(&read.cluster)).unwrap();
    println!("{}: {nodes} nodes, {} people", out.join("cluster.toml").display(), read.cluster.people.len());
}

/// The certificates and token keys of the reference cluster; they depend on no node.
fn copy_trust(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/trust");
    for folder in ["", "service-account"] {
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, to.join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
}

fn inventory(nodes: usize) -> String {
    let shape = Shape::of(nodes);
    let mut text = String::from(HEAD);
    if shape.storage < 3 {
        writeln!(text, "\n[storage]\nreplicas = {}", shape.storage.max(1)).unwrap();
    }
    for group in 0..GROUPS {
        let includes =
            if group % 3 == 2 { format!("includes = [\"team-{}\"]\n", group - 1) } else { String::new() };
        writeln!(text, "\n[groups.team-{group}]\ndescription = \"Team {group}\"\n{includes}").unwrap();
    }
    for person in 0..shape.people.max(GROUPS) {
        let key = age_key(Kind::Person, person);
        writeln!(text, "[people.person-{person}]\nemail = \"person-{person}@keystone.example\"").unwrap();
        writeln!(text, "groups = [\"team-{}\"]\nageKeys = [\"{key}\"]", person % GROUPS).unwrap();
        if person % 50 < 2 {
            writeln!(text, "admin = true").unwrap();
        }
        writeln!(text, "sshKeys = [\"{}\"]\n", ssh_key(Kind::Person, person)).unwrap();
    }
    for (n, role) in shape.roles().into_iter().enumerate() {
        node(&mut text, n, role);
    }
    rules(&mut text, &shape);
    text
}

fn node(text: &mut String, n: usize, role: &str) {
    writeln!(text, "[nodes.{role}-{n}]\nroles = [\"{role}\"]").unwrap();
    if matches!(role, "primer" | "control-plane" | "ingress") {
        // Public addresses for documentation are few; those for benchmarks (RFC 2544) are 131,072.
        writeln!(text, "endpoint = \"198.{}.{}.{}\"", 18 + n / 65536, n / 256 % 256, n % 256).unwrap();
    }
    if matches!(role, "primer" | "control-plane") {
        writeln!(text, "relayRegion = {}", 900 + n).unwrap();
    }
    // Rented servers are installed by cloud-init, and each has a file of its own.
    if role == "ingress" || (role == "worker" && n.is_multiple_of(2)) {
        writeln!(text, "cloudInit = true").unwrap();
    }
    writeln!(text, "ageKey = \"{}\"", age_key(Kind::Node, n)).unwrap();
    writeln!(text, "sshHostKey = \"{}\"", ssh_key(Kind::Node, n)).unwrap();
    writeln!(text, "labels = {{ \"topology.kubernetes.io/zone\" = \"rack-{}\" }}", n / 40).unwrap();
    let disk = |part: &str| format!("\"/dev/disk/by-id/nvme-{n}-{part}\"");
    let data =
        if role == "storage" { format!(", data = [{}, {}]", disk("c"), disk("d")) } else { String::new() };
    writeln!(text, "disks = {{ layout = \"mirror\", system = [{}, {}]{data} }}\n", disk("a"), disk("b"))
        .unwrap();
}

/// Rules of the kinds that occur: people to services, people to roles, machines to machines.
fn rules(text: &mut String, shape: &Shape) {
    for rule in 0..RULES {
        let team = rule % GROUPS;
        let (from, to) = match rule % 4 {
            0 => (format!("team-{team}"), "to = [\"kubernetes-api\", \"ssh\"]".to_owned()),
            1 => (
                format!("team-{team}"),
                "to = [\"worker\"]\nports = [\"http\", 8080, \"9000-9100\"]".to_owned(),
            ),
            2 => ("worker".to_owned(), format!("to = [\"control-plane\"]\nports = [{}]", 20_000 + rule)),
            _ => (format!("team-{team}"), "to = [\"self\"]\nports = [\"all\"]".to_owned()),
        };
        writeln!(text, "[[access]]\nname = \"rule-{rule}\"\nfrom = [\"{from}\"]\n{to}\n").unwrap();
    }
    let to = if shape.ingress > 0 { "\"worker\", \"ingress\"" } else { "\"worker\"" };
    writeln!(text, "[[ssh]]\nname = \"admins\"\nfrom = [\"admins\"]\nto = [{to}]\nusers = [\"root\"]")
        .unwrap();
}

/// Whose key it is, so that no two are alike.
#[derive(Clone, Copy)]
enum Kind {
    Node = 1,
    Person = 2,
}

fn key_bytes(kind: Kind, n: usize) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = kind as u8;
    // Far from zero, so that keys look like keys and compress like keys.
    let mut state = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in &mut bytes[1..] {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = state.to_le_bytes()[3];
    }
    bytes
}

fn age_key(kind: Kind, n: usize) -> String {
    let hrp = bech32::Hrp::parse("age").unwrap();
    bech32::encode::<bech32::Bech32>(hrp, &key_bytes(kind, n)).unwrap()
}

fn ssh_key(kind: Kind, n: usize) -> String {
    use base64::Engine as _;
    let mut blob = Vec::new();
    for field in [b"ssh-ed25519".as_slice(), &key_bytes(kind, n)] {
        blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        blob.extend(field);
    }
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(blob))
}

const HEAD: &str = r#"# Written by `cargo run -p keystone-model --example generate-inventory`, for benchmarks.
schema = 1

[cluster]
name = "bench"
domain = "keystone.example"
stateVersion = "26.05"

[mesh]
url = "https://mesh.keystone.example"
baseDomain = "keystone.internal"

[mesh.coordinator]
node = "primer-0"

[mesh.tls]
mode = "files"

[kubernetes]
# Room for a /24 on each of 65,536 nodes.
podCidr = "10.0.0.0/8"
serviceCidr = "172.20.0.0/16"

[identity]
issuer = "https://oidc.keystone.example/bench"
joinUrl = "https://join.keystone.example"

[identity.login]
issuer = "https://login.keystone.example"
clientId = "kubectl"

[identity.aws]
accountId = "123456789012"
regions = ["eu-central-1"]
vpcId = "vpc-0a1b2c3d4e5f60718"
vpcCidr = "172.24.0.0/16"

[pools.burst]
provider = "aws"
region = "eu-central-1"
instanceTypes = ["m7i.large"]
max = 100
subnets = ["subnet-0a1b2c3d4e5f60718"]
"#;
