//! What rules name: users, groups, tags, hosts, addresses, groups of Headscale's own.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::port::PortRange;

/// Something that a rule names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Alias {
    /// `*`: every address of the mesh.
    Any,
    /// `alice@example.com`, or `alice@` for a user of that name.
    User(String),
    /// `group:admins`
    Group(String),
    /// `tag:worker`
    Tag(String),
    /// A name that `hosts` explains.
    Host(String),
    /// An address or a range, host bits as written.
    Net(IpNet),
    /// `autogroup:member` and the like.
    Autogroup(Autogroup),
}

/// Groups of Headscale's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Autogroup {
    /// What is not a private network.
    Internet,
    /// Devices of users.
    Member,
    /// Users of a machine other than root; only among the users of SSH rules.
    NonRoot,
    /// Machines with a tag.
    Tagged,
    /// Devices of the user who asks.
    Own,
    /// Every address there is.
    DangerAll,
}

impl Autogroup {
    const ALL: [(Self, &str); 6] = [
        (Self::Internet, "autogroup:internet"),
        (Self::Member, "autogroup:member"),
        (Self::NonRoot, "autogroup:nonroot"),
        (Self::Tagged, "autogroup:tagged"),
        (Self::Own, "autogroup:self"),
        (Self::DangerAll, "autogroup:danger-all"),
    ];
}

impl fmt::Display for Autogroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(group, _)| group == self).map_or("", |(_, name)| name))
    }
}

impl Alias {
    /// Reads an alias. The order matters and is Headscale's: an address first, then whatever has an `@` is a user,
    /// even `tag:x@y`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(net) = parse_net(text) {
            return Ok(Self::Net(net));
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.contains('@') {
            return Ok(Self::User(text.to_owned()));
        }
        if text.starts_with("group:") {
            return Ok(Self::Group(text.to_owned()));
        }
        if text.starts_with("tag:") {
            return Ok(Self::Tag(text.to_owned()));
        }
        if text.starts_with("autogroup:") {
            // The name is judged where the group is used: in destinations at once, in sources later.
            return Autogroup::ALL
                .iter()
                .find(|(_, name)| *name == text)
                .map(|(group, _)| Self::Autogroup(*group))
                .ok_or_else(|| {
                    let names: Vec<&str> = Autogroup::ALL.iter().map(|(_, name)| *name).collect();
                    format!("`{text}` is no group that Headscale has; there are {}", names.join(", "))
                });
        }
        if text.contains(':') {
            return Err(format!(
                "`{text}` is nothing that a rule can name; write a user with `@`, `group:…`, `tag:…`, `autogroup:…`, a \
                 name from `hosts`, or an address"
            ));
        }
        Ok(Self::Host(text.to_owned()))
    }

    /// Reads a destination of an ACL: an alias, a colon, ports.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_with_ports(text: &str) -> Result<(Self, Vec<PortRange>), String> {
        if !text.contains(':') {
            return Err(format!("`{text}` has no port; write `{text}:22` or `{text}:*`"));
        }
        let (name, ports) = split_ports(text)?;
        let ports = PortRange::parse_list(ports).map_err(|why| format!("`{text}`: {why}"))?;
        Ok((Self::parse(&name)?, ports))
    }
}

/// Name and ports, split at the last colon. Brackets around an IPv6 address are taken off.
fn split_ports(text: &str) -> Result<(String, &str), String> {
    let mut name_and_ports = text.to_owned();
    if let Some(rest) = text.strip_prefix('[') {
        let wrong = || format!("`{text}`: brackets stand only around an IPv6 address, as in `[fd7a::1]:22`");
        let (address, after) = rest.split_once(']').ok_or_else(wrong)?;
        let is_v6 = parse_address(address).is_some_and(|address| address.is_ipv6());
        if !is_v6 || !after.starts_with([':', '/']) {
            return Err(wrong());
        }
        name_and_ports = format!("{address}{after}");
    }
    let (name, ports) = name_and_ports.rsplit_once(':').ok_or_else(|| format!("`{text}` has no port"))?;
    if name.is_empty() {
        return Err(format!("`{text}` has a port and no destination"));
    }
    if ports.is_empty() {
        return Err(format!("`{text}` has a colon and no port; write `{name}:22` or `{name}:*`"));
    }
    Ok((name.to_owned(), &text[text.len() - ports.len()..]))
}

/// An address as Go reads it. A zone (`fe80::1%eth0`) is allowed and has no effect on the range.
fn parse_address(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => {
            address.parse().ok().filter(|address: &IpAddr| address.is_ipv6())
        }
        Some(_) => None,
        None => text.parse().ok(),
    }
}

/// An address or a range as Go's `netip` reads them.
pub fn parse_net(text: &str) -> Option<IpNet> {
    let Some((address, length)) = text.rsplit_once('/') else {
        return parse_address(text).map(IpNet::from);
    };
    let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    if !digits || (length.len() > 1 && length.starts_with('0')) {
        return None;
    }
    IpNet::new(address.parse().ok()?, length.parse().ok()?).ok()
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::User(text) | Self::Group(text) | Self::Tag(text) | Self::Host(text) => f.write_str(text),
            Self::Net(net) => net.fmt(f),
            Self::Autogroup(group) => group.fmt(f),
        }
    }
}
