//! What runs beside the primers where it is asked for: programs that are not ours, with the lab's own credentials.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use keystone_generator::{Generator, Input, Loaded};
use keystone_model::{Cluster, Role};
use keystone_primer::ask::{Anchor, Asker, At, Fault};

use super::lock::Lock;
use super::private::{self, Identities};
use super::programs::Programs;
use super::service::Service;
use super::{LabError, headscale, kubernetes};
use crate::certificates;

/// What may run beside the primers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum With {
    /// Headscale, with the rendered policy and relay map
    Headscale,
    /// etcd, kube-apiserver, kube-controller-manager and kube-scheduler
    Kubernetes,
}

impl With {
    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Headscale => &headscale::PROGRAMS,
            Self::Kubernetes => &kubernetes::PROGRAMS,
        }
    }

    const fn ports(self) -> &'static [&'static str] {
        match self {
            Self::Headscale => &headscale::PORTS,
            Self::Kubernetes => &kubernetes::PORTS,
        }
    }
}

/// Everything that is needed, found before anything is started.
pub struct Needs {
    with: Vec<With>,
    programs: Programs,
    identities: Identities,
    node: String,
    admin: String,
}

impl Needs {
    /// Looks for programs, and for the identities of a node and of an admin.
    pub fn find(with: &[With], identities: &Path, cluster: &Cluster) -> Result<Self, LabError> {
        let mut with = with.to_vec();
        with.sort_unstable();
        with.dedup();
        let programs = Programs::find(with.iter().flat_map(|with| with.programs().iter().copied()))?;
        let node = cluster.nodes.iter().find(|(_, node)| node.roles.contains(&Role::ControlPlane));
        let node = node.map(|(name, _)| name.to_string()).ok_or(LabError::Nobody("control plane"))?;
        let admin = cluster.people.iter().find(|(_, person)| person.admin);
        let admin = admin.map(|(name, _)| name.to_string()).ok_or(LabError::Nobody("admin"))?;
        let identities = Identities::find(identities, &[format!("nodes/{node}"), format!("people/{admin}")])?;
        Ok(Self { with, programs, identities, node, admin })
    }
}

/// Where and with what the programs run.
pub struct Place<'a> {
    pub lab: &'a Path,
    pub folder: PathBuf,
    pub loaded: Loaded,
    pub needs: &'a Needs,
    pub lock: &'a Lock,
    ports: BTreeMap<String, u16>,
}

/// Starts what does not run, and says what to do with it.
pub fn up(lab: &Path, needs: &Needs, lock: &Lock) -> Result<String, LabError> {
    if needs.with.is_empty() {
        return Ok(String::new());
    }
    let folder = folder(lab);
    private::folder(&folder)?;
    let input = Input { inventory: lab.join("cluster.toml"), trust: Some(lab.join("trust")) };
    let ports = ports(&folder, needs.with.iter().flat_map(|with| with.ports().iter().copied()))?;
    let place = Place { lab, folder, loaded: input.load()?, needs, lock, ports };
    place.credentials()?;
    let mut text = String::new();
    for with in &needs.with {
        text += &match with {
            With::Headscale => headscale::up(&place)?,
            With::Kubernetes => kubernetes::up(&place)?,
        };
    }
    Ok(text)
}

impl Place<'_> {
    /// Where a program is.
    pub fn program(&self, name: &'static str) -> PathBuf {
        self.needs.programs.path(name)
    }

    /// A service's address.
    pub fn at(&self, port: &str) -> String {
        format!("127.0.0.1:{}", self.port(port))
    }

    /// A service's port.
    pub fn port(&self, port: &str) -> u16 {
        self.ports.get(port).copied().unwrap_or_default()
    }

    /// The folder of certificates and keys, named for what it is.
    pub fn pki(&self) -> PathBuf {
        self.folder.join("LAB-UNTRUSTED-keys")
    }

    /// A file of certificates and keys.
    pub fn key(&self, name: &str) -> String {
        self.pki().join(name).display().to_string()
    }

    /// The bundle of an intermediate.
    pub fn bundle(&self, authority: &str) -> String {
        self.lab.join(format!("trust/{authority}-ca.crt")).display().to_string()
    }

    /// The node whose part this machine plays.
    pub fn node(&self) -> &str {
        &self.needs.node
    }

    /// The admin of the kubeconfig.
    pub fn admin(&self) -> &str {
        &self.needs.admin
    }

    pub fn cluster(&self) -> &Cluster {
        &self.loaded.inventory.cluster
    }

    /// What a generator renders, by path.
    pub fn rendered<G: Generator + Default>(&self) -> Result<BTreeMap<String, String>, LabError> {
        let files = G::default()
            .render(self.cluster(), &self.loaded.trust)
            .map_err(|error| LabError::Render { generator: G::NAME, reason: error.to_string() })?;
        Ok(files.into_iter().map(|file| (file.path, file.contents)).collect())
    }

    /// A secret of the node as a file.
    pub fn secret(&self, name: &str) -> Result<String, LabError> {
        let plain = self.opened(&format!("nodes/{}", self.node()), name)?;
        let path = self.pki().join(name);
        private::write(&path, plain.bytes())?;
        Ok(path.display().to_string())
    }

    fn opened(&self, identity: &str, name: &str) -> Result<keystone_secrets::Plain, LabError> {
        self.needs.identities.open(identity, &self.lab.join(format!("secrets/{name}.age")))
    }

    /// Certificates and keys of the node, as it installs them, and those of the admin.
    fn credentials(&self) -> Result<(), LabError> {
        let of_node = (format!("nodes/{}", self.node()), format!("pki-{}", self.node()));
        let of_admin = (format!("people/{}", self.admin()), format!("person-{}", self.admin()));
        for (identity, name) in [of_node, of_admin] {
            let plain = self.opened(&identity, &name)?;
            certificates::install_opened(plain.bytes(), &self.lab.join(name), &self.pki())?;
        }
        Ok(())
    }

    /// Asks one of these programs over TLS, by the name in its certificate, whether it is well.
    pub fn well(
        &self,
        (name, port): (&str, &str),
        anchor: &'static str,
        leaves: &[&str],
        path: &str,
    ) -> Result<(), String> {
        let at = At { name: format!("{name}:{}", self.port(port)), address: self.at(port) };
        let asker = Asker::new(&self.lab.join("trust"), &self.pki(), &[at]);
        match asker.ask((name, self.port(port)), Anchor::Bundle(anchor), leaves, ("GET", path, "")) {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(format!("{path} answers {}: {}", answer.status, answer.body)),
            Err(Fault::Unseen(why) | Fault::Wrong(why)) => Err(why),
        }
    }
}

fn folder(lab: &Path) -> PathBuf {
    lab.join("peers")
}

/// Free ports, each the same for as long as there is the lab.
fn ports(
    folder: &Path,
    names: impl Iterator<Item = &'static str>,
) -> Result<BTreeMap<String, u16>, LabError> {
    let mut ports = known(folder);
    // All are held until the last is found, so that none is given twice.
    let mut held = Vec::new();
    for name in names {
        if !ports.contains_key(name) {
            let socket = TcpListener::bind("127.0.0.1:0").map_err(LabError::file(folder))?;
            ports.insert(name.to_owned(), socket.local_addr().map_err(LabError::file(folder))?.port());
            held.push(socket);
        }
    }
    let path = folder.join("ports.json");
    let part = folder.join("ports.json.unfinished");
    private::write(&part, serde_json::to_string_pretty(&ports).unwrap_or_default().as_bytes())?;
    fs::rename(&part, &path).map_err(LabError::file(&path))?;
    Ok(ports)
}

fn known(folder: &Path) -> BTreeMap<String, u16> {
    let text = fs::read_to_string(folder.join("ports.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// What there is of a lab, as it is started.
pub struct Seen {
    pub service: Service,
    pub address: String,
}

/// Every program that was started in this lab, in the order in which they are.
pub fn seen(lab: &Path) -> Vec<Seen> {
    let folder = folder(lab);
    let ports = known(&folder);
    headscale::PROGRAMS
        .into_iter()
        .chain(kubernetes::PROGRAMS)
        .map(|name| (Service::new(&folder, name), ports.get(name)))
        .filter(|(service, _)| service.folder.exists())
        .map(|(service, port)| Seen {
            service,
            address: format!("127.0.0.1:{}", port.copied().unwrap_or_default()),
        })
        .collect()
}

/// The admin's kubeconfig, where there is one.
pub fn kubeconfig(lab: &Path) -> Option<PathBuf> {
    Some(kubernetes::kubeconfig(&folder(lab))).filter(|path| path.exists())
}

/// Ends all of them, the last first: each finds what it needs until it has ended.
pub fn down(lab: &Path) -> Result<usize, LabError> {
    let mut stopped = 0;
    for seen in seen(lab).into_iter().rev() {
        stopped += usize::from(seen.service.stop()?);
    }
    Ok(stopped)
}
