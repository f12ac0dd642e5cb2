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
    /// For each alias of the policy the versions of IP in which it stands for this member, as source in the lower two
    /// bits and as destination in the upper two.
    pub signature: Vec<u8>,
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

impl Member {
    /// The versions of IP in which the alias stands for this member as a source.
    pub fn as_source(&self, place: usize) -> u8 {
        self.signature.get(place).map_or(0, |bits| bits & 3)
    }

    /// The same as a destination.
    pub fn as_target(&self, place: usize) -> u8 {
        self.signature.get(place).map_or(0, |bits| bits >> 2)
    }
}

/// All members with their signatures.
pub fn members(policy: &Policy, users: &[User], nodes: &[Node]) -> (Vec<Member>, Aliases) {
    let (aliases, list) = Aliases::of(policy);
    let users_of: Vec<BTreeSet<usize>> =
        list.iter().map(|alias| users_behind(policy, alias, users)).collect();
    let mut devices: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.tags.is_empty()) {
        if let Some(user) = &node.user {
            devices.entry(user).or_default().extend(&node.addresses);
        }
    }
    let mut members = Vec::with_capacity(users.len() + nodes.len());
    for (n, user) in users.iter().enumerate() {
        let addresses = devices.get(user.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let signature = list
            .iter()
            .zip(&users_of)
            .map(|(alias, behind)| match alias {
                Alias::User(_) | Alias::Group(_) => everywhere(behind.contains(&n)),
                Alias::Autogroup(Autogroup::Member) => everywhere(true),
                other => by_address(policy, other, addresses),
            })
            .collect();
        members.push(Member { name: user.name.clone(), is_user: true, signature });
    }
    for node in nodes.iter().filter(|node| !node.tags.is_empty()) {
        let tags: HashSet<&str> = node.tags.iter().map(String::as_str).collect();
        let signature = list
            .iter()
            .map(|alias| match alias {
                Alias::Tag(tag) => everywhere(tags.contains(tag.as_str())),
                Alias::Autogroup(Autogroup::Tagged) => everywhere(true),
                other => by_address(policy, other, &node.addresses),
            })
            .collect();
        members.push(Member { name: node.name.clone(), is_user: false, signature });
    }
    (members, aliases)
}

/// In both versions of IP, as source and as destination.
const fn everywhere(holds: bool) -> u8 {
    if holds { 0b1111 } else { 0 }
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
        // A member without addresses yet gets some of the mesh's own in both versions.
        if addresses.is_empty() {
            return 0;
        }
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
