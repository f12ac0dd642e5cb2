//! Members, and which of the policy's aliases stand for each of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Node, User};
use crate::alias::{Alias, Autogroup};
use crate::policy::Policy;

/// Versions of IP in which something holds, as bits.
pub const V4: u8 = 1;
pub const V6: u8 = 2;

/// A user with all devices, or a machine with tags.
pub struct Member {
    pub name: String,
    pub is_user: bool,
    pub signature: Signature,
    /// Signatures of a user's devices where rules about addresses tell them apart, sorted, at most two of a kind;
    /// otherwise empty.
    pub devices: Vec<Signature>,
}

/// For each alias of the policy the versions of IP in which it stands for something, as source in the lower two bits
/// and as destination in the upper two; behind them, the versions that the thing has at all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// The versions of IP in which the alias stands for it as a source.
    pub fn as_source(&self, place: usize) -> u8 {
        self.0.get(place).map_or(0, |bits| bits & 3)
    }

    /// The same as a destination.
    pub fn as_target(&self, place: usize) -> u8 {
        self.0.get(place).map_or(0, |bits| bits >> 2)
    }

    /// The versions of IP that it has.
    pub fn versions(&self) -> u8 {
        self.0.last().copied().unwrap_or(V4 | V6)
    }

    /// What holds for one of several devices holds for the user.
    fn union(all: &[Self], length: usize) -> Self {
        Self((0..=length).map(|n| all.iter().fold(0, |bits, one| bits | one.0[n])).collect())
    }
}

/// Every alias that a rule names, with its place in signatures.
pub struct Aliases(HashMap<Alias, usize>);

impl Aliases {
    fn of(policy: &Policy) -> (Self, Vec<Alias>) {
        let acls = policy.acls.iter().flatten();
        let named = acls
            .flat_map(|acl| acl.src.iter().map(|a| &a.value).chain(acl.dst.iter().map(|d| &d.value.alias)))
            .chain(policy.grants.iter().flatten().flat_map(|g| g.src.iter().chain(&g.dst).map(|a| &a.value)));
        let mut places = HashMap::new();
        let mut list = Vec::new();
        for alias in named {
            if !places.contains_key(alias) {
                places.insert(alias.clone(), list.len());
                list.push(alias.clone());
            }
        }
        (Self(places), list)
    }

    /// The alias's place in signatures.
    pub fn place(&self, alias: &Alias) -> Option<usize> {
        self.0.get(alias).copied()
    }
}

/// All members with their signatures.
pub fn members(policy: &Policy, users: &[User], nodes: &[Node]) -> (Vec<Member>, Aliases) {
    let (aliases, list) = Aliases::of(policy);
    let users_of: Vec<BTreeSet<usize>> =
        list.iter().map(|alias| users_behind(policy, alias, users)).collect();
    let mut devices: BTreeMap<&str, Vec<&[IpAddr]>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.tags.is_empty()) {
        if let Some(user) = &node.user {
            devices.entry(user).or_default().push(&node.addresses);
        }
    }
    let mut members = Vec::with_capacity(users.len() + nodes.len());
    for (n, user) in users.iter().enumerate() {
        let sign = |addresses: &[IpAddr]| {
            let bits = list.iter().zip(&users_of).map(|(alias, behind)| match alias {
                Alias::User(_) | Alias::Group(_) => identity(behind.contains(&n), addresses),
                Alias::Autogroup(Autogroup::Member) => identity(true, addresses),
                other => by_address(policy, other, addresses),
            });
            Signature(bits.chain([versions(addresses)]).collect())
        };
        let mut each: Vec<Signature> =
            devices.get(user.name.as_str()).into_iter().flatten().map(|addresses| sign(addresses)).collect();
        each.sort();
        let signature = if each.is_empty() { sign(&[]) } else { Signature::union(&each, list.len()) };
        if each.windows(2).all(|pair| pair[0] == pair[1]) {
            each.clear();
        }
        // Whether there are two devices of a kind matters, how many more does not.
        let mut kept: Vec<Signature> = Vec::new();
        for device in each {
            if kept.iter().filter(|other| **other == device).count() < 2 {
                kept.push(device);
            }
        }
        members.push(Member { name: user.name.clone(), is_user: true, signature, devices: kept });
    }
    for node in nodes.iter().filter(|node| !node.tags.is_empty()) {
        let tags: HashSet<&str> = node.tags.iter().map(String::as_str).collect();
        let bits = list.iter().map(|alias| match alias {
            Alias::Tag(tag) => identity(tags.contains(tag.as_str()), &node.addresses),
            Alias::Autogroup(Autogroup::Tagged) => identity(true, &node.addresses),
            other => by_address(policy, other, &node.addresses),
        });
        members.push(Member {
            name: node.name.clone(),
            is_user: false,
            signature: Signature(bits.chain([versions(&node.addresses)]).collect()),
            devices: Vec::new(),
        });
    }
    (members, aliases)
}

/// In every version of IP that the machine has, as source and as destination; one without addresses will have both.
fn identity(holds: bool, addresses: &[IpAddr]) -> u8 {
    let versions = versions(addresses);
    if holds { versions | versions << 2 } else { 0 }
}

/// The versions of IP of some addresses; of none yet, both.
fn versions(addresses: &[IpAddr]) -> u8 {
    if addresses.is_empty() {
        return V4 | V6;
    }
    addresses.iter().fold(0, |bits, address| bits | if address.is_ipv4() { V4 } else { V6 })
}

/// The users that a user alias or a group stands for. One that nobody has is nobody, without an error.
fn users_behind(policy: &Policy, alias: &Alias, users: &[User]) -> BTreeSet<usize> {
    let find = |token: &str| {
        let name = token.strip_suffix('@').unwrap_or(token);
        let mut found = (0..users.len()).filter(|n| users[*n].email == name || users[*n].name == name);
        // A token that two users answer to resolves to neither.
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    };
    match alias {
        Alias::User(token) => find(token).into_iter().collect(),
        Alias::Group(group) => policy
            .groups
            .get(group)
            .into_iter()
            .flat_map(|g| &g.value)
            .filter_map(|token| find(token))
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// Aliases that stand for addresses.
fn by_address(policy: &Policy, alias: &Alias, addresses: &[IpAddr]) -> u8 {
    let within = |matches: &dyn Fn(&IpAddr) -> bool| {
        addresses
            .iter()
            .filter(|address| matches(address))
            .fold(0, |bits, address| bits | if address.is_ipv4() { V4 } else { V6 })
    };
    let both = |bits: u8| bits | bits << 2;
    match alias {
        // As a destination `*` is every address, as a source those of the mesh.
        Alias::Any | Alias::Autogroup(Autogroup::DangerAll) if addresses.is_empty() => 0b1111,
        Alias::Any => within(&is_mesh) | within(&|_| true) << 2,
        Alias::Autogroup(Autogroup::DangerAll) => both(within(&|_| true)),
        Alias::Net(net) => both(within(&|address| net.contains(address))),
        Alias::Host(name) => {
            policy.hosts.get(name).map_or(0, |net| both(within(&|address| net.value.contains(address))))
        }
        _ => 0,
    }
}

/// Whether an address is one that `*` means as a source: those of the mesh, less a range that `ChromeOS` uses.
fn is_mesh(address: &IpAddr) -> bool {
    const CGNAT: IpNet = IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 64, 0, 0), 10));
    const CHROME_OS: IpNet = IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 115, 92, 0), 23));
    const ULA: IpNet =
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, 0), 48));
    (CGNAT.contains(address) && !CHROME_OS.contains(address)) || ULA.contains(address)
}
