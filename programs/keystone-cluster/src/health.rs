//! How the cluster is, seen from this machine: certificates, etcd, API servers, the mesh, what was issued, and how long it
//! lasts without primers.
//!
//! What cannot be seen is unknown, and unknown is not healthy.

mod apiserver;
mod certificates;
mod etcd;
mod issued;
mod mesh;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use keystone_generator::{Input, InputError};
use keystone_model::{Cluster, Name, Role};
use keystone_pki::certificate::Time;
use keystone_primer::ask::Asker;

pub use report::{Report, State};

use crate::cli::Health;
use report::Area;

/// Where a node has the inventory and the public material.
const INVENTORY_OF_NODES: &str = "/etc/keystone/cluster.json";
const TRUST_OF_NODES: &str = "/etc/keystone/trust";
const INVENTORY_OF_REPOSITORIES: &str = "hosts/cluster.toml";

/// What everything is compared with.
struct View {
    cluster: Cluster,
    /// Public material.
    trust: PathBuf,
    /// Encrypted files, where there is a repository.
    secrets: Option<PathBuf>,
    /// Certificates of this node.
    pki: PathBuf,
    /// Name of this node.
    node: String,
    /// How many days nothing may end.
    at_least: i64,
    now: Time,
    asker: Asker,
}

impl View {
    fn new(arguments: &Health) -> Result<Self, InputError> {
        let repository = Path::new(INVENTORY_OF_REPOSITORIES);
        let on_a_node = arguments.inventory.is_none() && !repository.exists();
        let inventory = arguments.inventory.clone().unwrap_or_else(|| {
            PathBuf::from(if on_a_node { INVENTORY_OF_NODES } else { INVENTORY_OF_REPOSITORIES })
        });
        let trust = arguments.trust.clone().or_else(|| on_a_node.then(|| PathBuf::from(TRUST_OF_NODES)));
        let input = Input { inventory, trust };
        let trust = input.trust_folder();
        let beside = input.inventory.parent().and_then(Path::parent).map(|top| top.join("secrets"));
        let (read, _) = input.inventory()?;
        Ok(Self {
            cluster: read.cluster,
            secrets: arguments.secrets.clone().or(beside.filter(|folder| folder.is_dir())),
            asker: Asker::new(&trust, &arguments.pki, &arguments.at),
            trust,
            pki: arguments.pki.clone(),
            node: arguments.node.clone().unwrap_or_else(host_name),
            at_least: arguments.at_least,
            now: Time::from(std::time::SystemTime::now()),
        })
    }

    /// Names of the control plane's nodes.
    fn control_plane(&self) -> Vec<&Name> {
        self.with(Role::ControlPlane)
    }

    /// Names of the nodes with that role.
    fn with(&self, role: Role) -> Vec<&Name> {
        let nodes = self.cluster.nodes.iter();
        nodes.filter(|(_, node)| node.roles.contains(&role)).map(|(name, _)| name).collect()
    }

    /// A node's name in the mesh.
    fn mesh_name(&self, node: &Name) -> String {
        self.cluster.mesh.base_domain.child(node).to_string()
    }
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Looks at everything, at once.
pub fn look(arguments: &Health) -> Result<Report, InputError> {
    let view = &View::new(arguments)?;
    let looks: [fn(&View) -> Area; 6] =
        [certificates::look, etcd::look, apiserver::look, mesh::look, issued::generation, issued::horizon];
    let areas = thread::scope(|scope| {
        let looking: Vec<_> = looks.iter().map(|look| scope.spawn(move || look(view))).collect();
        looking.into_iter().filter_map(|one| one.join().ok()).collect()
    });
    Ok(Report::new(view.cluster.cluster.name.to_string(), view.now, areas))
}
