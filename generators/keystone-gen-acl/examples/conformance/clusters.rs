//! Policies that the generator writes, held against what the inventory means: machine by machine, transport by transport,
//! in both versions of IP. Nothing of `keystone-policy` has a say in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use keystone_gen_acl::{AccessPolicy, Document, Matrix, POLICY};
use keystone_generator::Generator;
use keystone_model::intent::groups_of_people;
use keystone_model::{Cluster, Format, Inventory, Name, Role, Trust, service};
use keystone_policy::reach::{Node, User, Version};
use serde_json::{Value, json};

use crate::Case;
use crate::engine::{Answer, Failure, Opened, Question};
use crate::random::Random;

/// A cluster with the policy that is written for it.
pub struct Written {
    name: String,
    pub cluster: Cluster,
    question: Question,
    /// What must be open from a machine to another.
    meant: BTreeMap<(String, String), Opened>,
    /// Why the generator itself refuses to write it.
    refused: Option<String>,
}

/// The reference cluster first, then those of the generator's tests, then random ones.
pub fn all(random: u64) -> Result<Vec<Written>, Failure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inventories = vec![here.join("../../hosts/cluster.toml")];
    for entry in std::fs::read_dir(here.join("tests/cases"))? {
        let folder = entry?.path();
        if !folder.join("error.txt").exists() {
            inventories.push(folder.join("cluster.toml"));
        }
    }
    inventories[1..].sort();
    let mut all = Vec::new();
    for path in inventories {
        let inventory = Inventory::read(&std::fs::read(&path)?, Format::Toml)?;
        all.push(Written::of(path.display().to_string(), inventory.cluster));
    }
    for seed in 0..random {
        let cluster = by_chance(&all[0].cluster, &mut Random(seed ^ 0x0063_6c75_7374_6572))?;
        all.push(Written::of(format!("cluster {seed}"), cluster));
    }
    Ok(all)
}

impl Written {
    fn of(name: String, cluster: Cluster) -> Self {
        let rendered = AccessPolicy.render(&cluster, &Trust::default());
        // Where the generator finds its own mistake, Headscale is asked all the same.
        let unproven = || serde_json::to_string_pretty(&Document::of(&cluster)).unwrap_or_default();
        let (policy, refused) = match rendered {
            Ok(artifacts) => {
                let policy = artifacts.into_iter().find(|artifact| artifact.path == POLICY);
                (policy.map_or_else(unproven, |policy| policy.contents), None)
            }
            Err(error) => (unproven(), Some(error.to_string())),
        };
        let (question, class_of) = members(&cluster, policy);
        let meant = meant(&cluster, &question.nodes, &class_of);
        Self { name, cluster, question, meant, refused }
    }

    /// The question for another policy of the same cluster.
    pub fn with_policy(&self, policy: String) -> Question {
        let Question { users, nodes, .. } = &self.question;
        Question { policy, users: users.clone(), nodes: nodes.clone() }
    }

    /// The first pair for which the answer is not what is meant.
    pub fn differs(&self, answer: &Answer) -> Result<(), String> {
        if !answer.accepted {
            return Err(format!("Headscale refuses the policy: {}", answer.error));
        }
        let nothing = Opened::new();
        for pair in self.meant.keys().chain(answer.open.keys()) {
            let meant = self.meant.get(pair).unwrap_or(&nothing);
            let open = answer.open.get(pair).unwrap_or(&nothing);
            if meant != open {
                let (from, to) = pair;
                return Err(format!(
                    "{from} to {to}: the inventory means {meant:?}, Headscale opens {open:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Case for Written {
    fn name(&self) -> &str {
        &self.name
    }

    fn question(&self) -> &Question {
        &self.question
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let by_itself = self.refused.clone().map_or(Ok(()), |why| Err(format!("it is not rendered: {why}")));
        match (self.differs(answer), by_itself) {
            (Err(why), Err(same)) => Err(format!("{why}; {same}")),
            (differs, by_itself) => differs.and(by_itself),
        }
    }
}

/// The cluster as Headscale knows it: two devices for each person, two machines for each pool. With the class that the
/// matrix puts each of them in, and whose it is.
fn members(cluster: &Cluster, policy: String) -> (Question, BTreeMap<String, (String, String)>) {
    let mut users = Vec::new();
    let mut nodes: Vec<Node> = Vec::new();
    let mut class_of = BTreeMap::new();
    let mut add = |name: String, user: Option<&Name>, tags: Vec<String>| {
        let number = u16::try_from(nodes.len() + 1).unwrap_or(u16::MAX);
        let [high, low] = number.to_be_bytes();
        let addresses: Vec<IpAddr> = vec![
            Ipv4Addr::new(100, 64, high, low).into(),
            Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, number).into(),
        ];
        nodes.push(Node { name, user: user.map(ToString::to_string), tags, addresses });
    };
    for (name, groups) in groups_of_people(cluster) {
        let Some(person) = cluster.people.get(name) else { continue };
        users.push(User { name: name.to_string(), email: person.email.to_string() });
        let groups: Vec<&str> = groups.iter().map(Name::as_str).collect();
        let class =
            if groups.is_empty() { "people".to_owned() } else { format!("group:{}", groups.join("+")) };
        for device in ["laptop", "phone"] {
            let device = format!("{name}-{device}");
            class_of.insert(device.clone(), (class.clone(), name.to_string()));
            add(device, Some(name), vec![]);
        }
    }
    let of_nodes = cluster.nodes.iter().map(|(name, node)| (name.to_string(), node.roles.clone()));
    let of_pools = cluster.pools.iter().flat_map(|(name, pool)| {
        (0..2).map(move |number| (format!("pool-{name}-{number}"), vec![pool.provider.role()]))
    });
    for (name, roles) in of_nodes.chain(of_pools) {
        let mut sorted = roles.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let class = sorted.iter().map(|role| role.as_str()).collect::<Vec<_>>().join("+");
        class_of.insert(name.clone(), (format!("role:{class}"), name.clone()));
        add(name, None, sorted.iter().map(|role| role.tag()).collect());
    }
    (Question { policy, users, nodes }, class_of)
}

/// What the inventory means, for every pair of machines.
fn meant(
    cluster: &Cluster,
    nodes: &[Node],
    class_of: &BTreeMap<String, (String, String)>,
) -> BTreeMap<(String, String), Opened> {
    let intended = Matrix::intended(cluster);
    let mut meant: BTreeMap<(String, String), Opened> = BTreeMap::new();
    for from in nodes {
        for to in nodes.iter().filter(|to| to.name != from.name) {
            let ((from_class, source), (to_class, target)) = (&class_of[&from.name], &class_of[&to.name]);
            let between = intended.entries.iter().filter(|entry| {
                entry.from == *from_class && entry.to == *to_class && entry.own == (source == target)
            });
            for entry in between {
                let ports: Vec<[u16; 2]> =
                    entry.ports.iter().map(|range| [range.first(), range.last()]).collect();
                let opened = meant.entry((from.name.clone(), to.name.clone())).or_default();
                for version in Version::ALL {
                    opened.insert((version, entry.proto.as_str().to_owned()), ports.clone());
                }
            }
        }
    }
    meant
}

/// The reference cluster with other machines, people, groups and rules. It need not be one that passes validation: the
/// generator relies on that for one thing only, which is that a machine has each role that a rule of SSH names.
fn by_chance(reference: &Cluster, random: &mut Random) -> Result<Cluster, Failure> {
    const GROUPS: [&str; 4] = ["admins", "alpha", "beta", "gamma"];
    let mut cluster = reference.clone();
    for node in cluster.nodes.values_mut() {
        let roles: BTreeSet<Role> = (0..=random.below(2)).map(|_| random.pick(&Role::ALL[..7])).collect();
        node.roles = roles.into_iter().collect();
    }
    cluster.groups.clear();
    for group in &GROUPS[1..] {
        let includes = some(random, 0, 1, &GROUPS);
        cluster.groups.insert(group.parse()?, serde_json::from_value(json!({ "includes": includes }))?);
    }
    for person in cluster.people.values_mut() {
        person.admin = random.chance(30);
        person.groups = serde_json::from_value(json!(some(random, 0, 2, &GROUPS[1..])))?;
    }
    if random.chance(50) {
        cluster.pools.clear();
    }
    let services = service::names();
    let roles = Role::ALL.map(Role::as_str);
    let parties: Vec<&str> = GROUPS.into_iter().chain(roles).collect();
    let targets: Vec<&str> = roles.into_iter().chain(services.iter().copied()).collect();
    cluster.access.clear();
    for number in 0..random.below(8) {
        // Only people have devices of their own.
        let (from, to) = if random.chance(20) {
            (some(random, 1, 2, &GROUPS), vec!["self"])
        } else {
            (some(random, 1, 3, &parties), some(random, 1, 3, &targets))
        };
        let ports: Vec<Value> = (0..=random.below(3)).map(|_| port(&services, random)).collect();
        let proto = random.pick(&["tcp", "udp", "sctp"]);
        let name = format!("rule-{number}");
        let rule = json!({ "name": name, "from": from, "to": to, "ports": ports, "proto": proto });
        cluster.access.push(serde_json::from_value(rule)?);
    }
    let in_use: BTreeSet<Role> = cluster.nodes.values().flat_map(|node| node.roles.iter().copied()).collect();
    let in_use: Vec<&str> = in_use.into_iter().map(Role::as_str).collect();
    for rule in &mut cluster.ssh {
        rule.from = serde_json::from_value(json!(some(random, 1, 1, &GROUPS)))?;
        rule.to = serde_json::from_value(json!(some(random, 1, 2, &in_use)))?;
    }
    Ok(cluster)
}

fn some<'a>(random: &mut Random, least: usize, most: usize, list: &[&'a str]) -> Vec<&'a str> {
    let count = least + random.below(most - least + 1);
    (0..count).map(|_| random.pick(list)).collect()
}

fn port(services: &[&str], random: &mut Random) -> Value {
    let number = 1 + random.below(65_000);
    match random.below(8) {
        0 => json!("all"),
        1 => json!("ping"),
        2..4 => json!(number),
        4..6 => json!(format!("{number}-{}", number + random.below(500))),
        _ => json!(random.pick(services)),
    }
}
