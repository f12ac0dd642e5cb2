//! The service table: every port that the system itself needs, who serves it and who uses it.
//!
//! Mesh policy, host firewall, scrape targets and the reference page all come from here, so a port that is not in
//! this table is closed everywhere.

use crate::role::Role;
use crate::tables::Cluster;
use crate::types::{PortRange, Proto};

use Role::{Backup, Cloud, ControlPlane, Ingress, Monitoring, Primer, Storage, Worker};

/// On which network a service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Only inside the WireGuard mesh.
    Mesh,
    /// Only on the machine's own networks, where the mesh itself runs.
    Underlay,
    /// On both.
    Both,
}

impl Plane {
    /// The name as it stands in tables and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Underlay => "underlay",
            Self::Both => "both",
        }
    }

    /// Whether the mesh policy has to open it.
    #[must_use]
    pub const fn in_mesh(self) -> bool {
        matches!(self, Self::Mesh | Self::Both)
    }
}

/// A service of the system itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, by which access rules refer to it.
    pub name: &'static str,
    /// Its transport.
    pub proto: Proto,
    /// Its ports; none for ICMP.
    pub ports: Vec<PortRange>,
    /// The setting of the inventory that says its port, as a dotted path; none where every cluster has the same port.
    pub setting: Option<&'static str>,
    /// Roles whose machines serve it.
    pub servers: &'static [Role],
    /// Roles whose machines use it. People come in by access rules alone.
    pub clients: &'static [Role],
    /// Where it listens.
    pub plane: Plane,
    /// What it is for.
    pub purpose: &'static str,
}

/// A row whose port is the same in every cluster.
struct Fixed {
    name: &'static str,
    proto: Proto,
    ports: &'static [PortRange],
    servers: &'static [Role],
    clients: &'static [Role],
    plane: Plane,
    purpose: &'static str,
}

const fn tcp(
    name: &'static str,
    ports: &'static [PortRange],
    servers: &'static [Role],
    clients: &'static [Role],
    purpose: &'static str,
) -> Fixed {
    Fixed { name, proto: Proto::Tcp, ports, servers, clients, plane: Plane::Mesh, purpose }
}

const NOBODY: &[Role] = &[];
const EVERYONE: &[Role] = &Role::ALL;
const KUBERNETES: &[Role] = &Role::KUBERNETES;
const RELAY_HOSTS: &[Role] = &Role::RELAY_HOSTS;
/// Members of etcd: the primers until the handoff, the control plane from then on.
const ETCD: &[Role] = &[Primer, ControlPlane];
const API_CLIENTS: &[Role] = &[Primer, ControlPlane, Worker, Storage, Ingress, Monitoring, Cloud];
const BACKUP_SOURCES: &[Role] = &[Primer, ControlPlane, Worker, Storage, Ingress, Monitoring];

/// Ports that no inventory changes. Sources: Kubernetes' "Ports and Protocols", Ceph's network reference, the
/// defaults of each exporter.
const FIXED: &[Fixed] = &[
    tcp(
        "ssh",
        &[PortRange::fixed(22, 22)],
        EVERYONE,
        NOBODY,
        "administration; people come in by access rules",
    ),
    tcp(
        "coordinator-state",
        &[PortRange::fixed(22, 22)],
        RELAY_HOSTS,
        RELAY_HOSTS,
        "standbys of the coordinator read its state, by an account of SSH that can do nothing else",
    ),
    tcp("primer", &[PortRange::fixed(6443, 6443)], &[Primer], &[Primer], "ceremonies of the root of trust"),
    tcp("etcd-client", &[PortRange::fixed(2379, 2379)], ETCD, ETCD, "requests to etcd"),
    tcp("etcd-peer", &[PortRange::fixed(2380, 2380)], ETCD, ETCD, "replication between members of etcd"),
    tcp("etcd-metrics", &[PortRange::fixed(2381, 2381)], &[ControlPlane], &[Monitoring], "metrics of etcd"),
    tcp(
        "kubernetes-api",
        &[PortRange::fixed(6443, 6443)],
        &[ControlPlane],
        API_CLIENTS,
        "the API of Kubernetes",
    ),
    tcp("controller-manager", &[PortRange::fixed(10257, 10257)], &[ControlPlane], &[Monitoring], "metrics"),
    tcp("scheduler", &[PortRange::fixed(10259, 10259)], &[ControlPlane], &[Monitoring], "metrics"),
    tcp(
        "kubelet",
        &[PortRange::fixed(10250, 10250)],
        KUBERNETES,
        &[ControlPlane, Monitoring],
        "logs, exec and metrics of pods",
    ),
    tcp("kube-proxy", &[PortRange::fixed(10249, 10249)], KUBERNETES, &[Monitoring], "metrics"),
    Fixed {
        name: "flannel",
        proto: Proto::Udp,
        ports: &[PortRange::fixed(8472, 8472)],
        servers: KUBERNETES,
        clients: KUBERNETES,
        plane: Plane::Mesh,
        purpose: "traffic between pods (VXLAN)",
    },
    tcp(
        "ceph-monitor",
        &[PortRange::fixed(3300, 3300), PortRange::fixed(6789, 6789)],
        &[Storage],
        KUBERNETES,
        "the map of the Ceph cluster",
    ),
    tcp(
        "ceph-daemons",
        &[PortRange::fixed(6800, 7568)],
        &[Storage],
        KUBERNETES,
        "objects, file systems, managers",
    ),
    tcp("ceph-metrics", &[PortRange::fixed(9283, 9283)], &[Storage], &[Monitoring], "metrics of Ceph"),
    tcp("http", &[PortRange::fixed(80, 80)], &[Ingress], &[Monitoring], "requests from outside"),
    tcp("https", &[PortRange::fixed(443, 443)], &[Ingress], &[Monitoring], "requests from outside"),
    tcp("metallb", &[PortRange::fixed(7946, 7946)], &[Ingress], &[Ingress], "who announces which address"),
    Fixed {
        name: "metallb-gossip",
        proto: Proto::Udp,
        ports: &[PortRange::fixed(7946, 7946)],
        servers: &[Ingress],
        clients: &[Ingress],
        plane: Plane::Mesh,
        purpose: "who announces which address",
    },
    tcp("node-exporter", &[PortRange::fixed(9100, 9100)], EVERYONE, &[Monitoring], "metrics of machines"),
    tcp("zfs-exporter", &[PortRange::fixed(9134, 9134)], EVERYONE, &[Monitoring], "metrics of ZFS"),
    tcp("prometheus", &[PortRange::fixed(9090, 9090)], &[Monitoring], NOBODY, "queries for metrics"),
    tcp("alertmanager", &[PortRange::fixed(9093, 9093)], &[Monitoring], NOBODY, "alerts and silences"),
    tcp("grafana", &[PortRange::fixed(3000, 3000)], &[Monitoring], NOBODY, "dashboards"),
    tcp(
        "loki",
        &[PortRange::fixed(3100, 3100)],
        &[Monitoring],
        EVERYONE,
        "logs of all machines come in here",
    ),
    tcp(
        "backup",
        &[PortRange::fixed(8022, 8022)],
        &[Backup],
        BACKUP_SOURCES,
        "ZFS streams over SSH, receive only",
    ),
    Fixed {
        name: "ping",
        proto: Proto::Icmp,
        ports: &[],
        servers: &[ControlPlane, Worker, Storage, Ingress, Monitoring, Backup, Cloud],
        clients: &[ControlPlane, Monitoring],
        plane: Plane::Mesh,
        purpose: "whether a machine answers at all",
    },
    Fixed {
        name: "wireguard",
        proto: Proto::Udp,
        ports: &[PortRange::fixed(41641, 41641)],
        servers: EVERYONE,
        clients: EVERYONE,
        plane: Plane::Underlay,
        purpose: "the mesh itself",
    },
];

/// The service table of one cluster, ordered by name.
#[must_use]
pub fn services(cluster: &Cluster) -> Vec<Service> {
    let relay = |name, proto, port, setting, purpose| Service {
        name,
        proto,
        ports: vec![PortRange::one(port)],
        setting: Some(setting),
        servers: RELAY_HOSTS,
        clients: EVERYONE,
        plane: Plane::Both,
        purpose,
    };
    let mesh = &cluster.mesh;
    let mut table: Vec<Service> = FIXED
        .iter()
        .map(|row| Service {
            name: row.name,
            proto: row.proto,
            ports: row.ports.to_vec(),
            setting: None,
            servers: row.servers,
            clients: row.clients,
            plane: row.plane,
            purpose: row.purpose,
        })
        .chain([
            relay(
                "coordinator",
                Proto::Tcp,
                mesh.coordinator.port,
                "mesh.coordinator.port",
                "Headscale; moves to the control plane at the handoff",
            ),
            relay(
                "relay",
                Proto::Tcp,
                mesh.relay.port,
                "mesh.relay.port",
                "packets of machines that find no direct path (DERP)",
            ),
            relay(
                "stun",
                Proto::Udp,
                mesh.relay.stun_port,
                "mesh.relay.stunPort",
                "tells a machine its address as seen from outside",
            ),
        ])
        .collect();
    table.sort_by_key(|service| service.name);
    table
}

/// Names of the services of every cluster, for messages and for the reference page.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> =
        FIXED.iter().map(|row| row.name).chain(["coordinator", "relay", "stun"]).collect();
    names.sort_unstable();
    names
}
