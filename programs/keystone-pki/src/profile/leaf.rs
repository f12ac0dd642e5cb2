//! The table of leaves.

use keystone_model::{Authority, Role};

use crate::certificate::Usage;

/// A piece of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// This text.
    Text(&'static str),
    /// Name of the machine or person.
    Name,
    /// The machine's name in the mesh.
    MeshName,
    /// Public name of the machine's relay.
    RelayName,
    /// Host of `mesh.url`.
    UrlHost,
    /// The API's name in the mesh.
    ApiName,
    /// `kubernetes.clusterDomain`.
    ClusterDomain,
    /// The person's mail address.
    Email,
    /// The first address of `kubernetes.serviceCidr`.
    ServiceAddress,
}

/// An alternative name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A host name.
    Dns(&'static [Word]),
    /// An address.
    Ip(&'static [Word]),
    /// A mail address.
    Email(&'static [Word]),
}

/// Who has such a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holders {
    /// Machines with one of these roles.
    Roles(&'static [Role]),
    /// Machines that run a relay and may become the coordinator, where `mesh.tls.mode` is `files`.
    MeshServers,
    /// Every machine.
    Machines,
    /// Every person.
    People,
    /// Every administrator.
    Admins,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Name of the files: `<name>.crt`, `<name>.key`.
    pub name: &'static str,
    /// Who signs.
    pub authority: Authority,
    /// Who has it.
    pub holders: Holders,
    /// `O`, the group in Kubernetes.
    pub organisation: Option<&'static str>,
    /// `CN`.
    pub common_name: &'static [Word],
    /// Further names.
    pub alt_names: &'static [Name],
    /// Where in TLS it is good for anything.
    pub usages: &'static [Usage],
    /// Days that it is valid; it is renewed when two thirds have passed.
    pub days: u32,
    /// What it is for.
    pub purpose: &'static str,
}

impl Profile {
    /// The row of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }
}

use Usage::{Client, Server};

const NAME: &[Word] = &[Word::Name];
const MESH_NAME: &[Word] = &[Word::MeshName];
const LOCALHOST: Name = Name::Dns(&[Word::Text("localhost")]);
const LOOPBACK: Name = Name::Ip(&[Word::Text("127.0.0.1")]);
/// Names of a client. Nothing reads them; a certificate without any is treated by some verifiers as if its common name were
/// a host.
const CLIENT_NAMES: &[Name] = &[Name::Dns(MESH_NAME)];
const CONTROL_PLANE: Holders = Holders::Roles(&[Role::ControlPlane]);
const KUBERNETES: Holders = Holders::Roles(&Role::KUBERNETES);
const LEAF_DAYS: u32 = 90;

/// A leaf of the control plane that only asks.
const fn client(
    name: &'static str,
    authority: Authority,
    organisation: Option<&'static str>,
    common_name: &'static [Word],
    purpose: &'static str,
) -> Profile {
    Profile {
        name,
        authority,
        holders: CONTROL_PLANE,
        organisation,
        common_name,
        alt_names: CLIENT_NAMES,
        usages: &[Client],
        days: LEAF_DAYS,
        purpose,
    }
}

/// Every leaf, by name.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "apiserver",
        authority: Authority::Kubernetes,
        holders: CONTROL_PLANE,
        organisation: None,
        common_name: &[Word::Text("kube-apiserver")],
        alt_names: &[
            Name::Dns(MESH_NAME),
            Name::Dns(&[Word::ApiName]),
            Name::Dns(&[Word::Text("kubernetes")]),
            Name::Dns(&[Word::Text("kubernetes.default")]),
            Name::Dns(&[Word::Text("kubernetes.default.svc")]),
            Name::Dns(&[Word::Text("kubernetes.default.svc."), Word::ClusterDomain]),
            LOCALHOST,
            LOOPBACK,
            Name::Ip(&[Word::ServiceAddress]),
        ],
        usages: &[Server],
        days: LEAF_DAYS,
        purpose: "kube-apiserver, to everybody",
    },
    client(
        "apiserver-etcd",
        Authority::Etcd,
        None,
        &[Word::Text("kube-apiserver")],
        "kube-apiserver, to its member of etcd",
    ),
    client(
        "apiserver-kubelet",
        Authority::Kubernetes,
        None,
        &[Word::Text("system:kube-apiserver")],
        "kube-apiserver, to kubelets",
    ),
    client(
        "bootstrap",
        Authority::Kubernetes,
        Some("system:masters"),
        &[Word::Text("keystone-bootstrap")],
        "the unit that applies what a cluster needs first",
    ),
    Profile {
        name: "break-glass",
        authority: Authority::Kubernetes,
        holders: Holders::Admins,
        organisation: Some("system:masters"),
        common_name: &[Word::Text("break-glass:"), Word::Name],
        alt_names: &[Name::Email(&[Word::Email])],
        usages: &[Client],
        days: LEAF_DAYS,
        purpose: "an administrator, where the login does not work; RBAC does not hold it back, the audit log names it",
    },
    Profile {
        name: "controller-manager",
        authority: Authority::Kubernetes,
        holders: CONTROL_PLANE,
        organisation: None,
        common_name: &[Word::Text("system:kube-controller-manager")],
        alt_names: &[LOCALHOST, Name::Dns(MESH_NAME), LOOPBACK],
        usages: &[Server, Client],
        days: LEAF_DAYS,
        purpose: "kube-controller-manager, to the API and on 10257",
    },
    Profile {
        name: "etcd",
        authority: Authority::Etcd,
        holders: Holders::Roles(&[Role::Primer, Role::ControlPlane]),
        organisation: None,
        common_name: MESH_NAME,
        alt_names: &[Name::Dns(MESH_NAME), LOCALHOST, LOOPBACK],
        usages: &[Server, Client],
        days: LEAF_DAYS,
        purpose: "a member of etcd, to clients and other members",
    },
    Profile {
        name: "flannel",
        authority: Authority::Kubernetes,
        holders: KUBERNETES,
        organisation: None,
        common_name: &[Word::Text("flannel-client")],
        alt_names: CLIENT_NAMES,
        usages: &[Client],
        days: LEAF_DAYS,
        purpose: "flannel, to the API",
    },
    client(
        "front-proxy",
        Authority::FrontProxy,
        None,
        &[Word::Text("front-proxy-client")],
        "kube-apiserver, to aggregated APIs, in the name of others",
    ),
    Profile {
        name: "kube-proxy",
        authority: Authority::Kubernetes,
        holders: KUBERNETES,
        organisation: None,
        common_name: &[Word::Text("system:kube-proxy")],
        alt_names: CLIENT_NAMES,
        usages: &[Client],
        days: LEAF_DAYS,
        purpose: "kube-proxy, to the API",
    },
    Profile {
        name: "kubelet",
        authority: Authority::Kubernetes,
        holders: KUBERNETES,
        organisation: Some("system:nodes"),
        common_name: &[Word::Text("system:node:"), Word::Name],
        alt_names: &[Name::Dns(NAME), Name::Dns(MESH_NAME)],
        usages: &[Server, Client],
        days: LEAF_DAYS,
        purpose: "kubelet, to the API and on 10250",
    },
    Profile {
        name: "mesh",
        authority: Authority::Node,
        holders: Holders::MeshServers,
        organisation: None,
        common_name: &[Word::UrlHost],
        alt_names: &[Name::Dns(&[Word::UrlHost])],
        usages: &[Server],
        days: LEAF_DAYS,
        purpose: "Headscale, wherever the coordinator is",
    },
    Profile {
        name: "node",
        authority: Authority::Node,
        holders: Holders::Machines,
        organisation: None,
        common_name: NAME,
        alt_names: &[Name::Dns(MESH_NAME)],
        usages: &[Server, Client],
        days: LEAF_DAYS,
        purpose: "the machine itself, to our own programs; the one leaf that the root may sign directly",
    },
    Profile {
        name: "person",
        authority: Authority::Kubernetes,
        holders: Holders::People,
        organisation: None,
        common_name: &[Word::Email],
        alt_names: &[Name::Email(&[Word::Email])],
        usages: &[Client],
        days: 30,
        purpose: "a person, to the API, under the name that the login gives; without groups, as nothing takes them back",
    },
    Profile {
        name: "relay",
        authority: Authority::Node,
        holders: Holders::MeshServers,
        organisation: None,
        common_name: &[Word::RelayName],
        alt_names: &[Name::Dns(&[Word::RelayName])],
        usages: &[Server],
        days: LEAF_DAYS,
        purpose: "the relay of the mesh",
    },
    Profile {
        name: "scheduler",
        authority: Authority::Kubernetes,
        holders: CONTROL_PLANE,
        organisation: None,
        common_name: &[Word::Text("system:kube-scheduler")],
        alt_names: &[LOCALHOST, Name::Dns(MESH_NAME), LOOPBACK],
        usages: &[Server, Client],
        days: LEAF_DAYS,
        purpose: "kube-scheduler, to the API and on 10259",
    },
];
