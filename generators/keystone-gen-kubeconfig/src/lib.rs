//! Kubeconfigs: for people by `OpenID` Connect, for components and emergencies by certificates that are named by path.

mod config;
mod read;

pub use config::{Cluster, ClusterEntry, Config, Context, ContextEntry, Exec, User, UserEntry};
pub use read::{Refusal, read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_generator::{Artifact, Generator};
use keystone_model::service::{Service, services};
use keystone_model::{Authority, Domain, Proto, Role, Trust};
use thiserror::Error;

/// Port of the load balancer on every machine, on its loopback address. Not 6443, which kube-apiserver has on control-plane
/// nodes, and not between 6800 and 7568, which Ceph's daemons take on storage nodes. A service that listens on all
/// addresses would have the loopback address too, so the port is in no row of the service table.
pub const LOCAL_API_PORT: u16 = 6444;
/// Where certificates of components lie on every node that has them.
pub const CERTIFICATES: &str = "/var/lib/keystone/pki";

/// The generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kubeconfig;

/// Why there is no kubeconfig.
#[derive(Debug, Error)]
pub enum Error {
    /// Without it nobody knows the API's certificate.
    #[error("`hosts/trust/kubernetes-ca.crt` is missing, which signs the API's certificate")]
    NoAuthority,
    /// The inventory gives a service the load balancer's port, on machines that have both.
    #[error(
        "the port {LOCAL_API_PORT} of `{0}` is that of the load balancer through which components reach the API; give \
         `{0}` another port"
    )]
    PortTaken(&'static str),
    /// A file cannot be written as text.
    #[error("cannot write `{path}`: {reason}")]
    Write {
        /// Its path below the output folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// kubectl would refuse the file, or it holds a secret.
    #[error("`{path}` {refusal}")]
    Refused {
        /// Its path below the output folder.
        path: String,
        /// Why.
        refusal: Refusal,
    },
}

/// Components of the nodes, by the name of their file and of their certificate.
const COMPONENTS: [&str; 6] =
    ["bootstrap", "controller-manager", "flannel", "kube-proxy", "kubelet", "scheduler"];

impl Generator for Kubeconfig {
    const NAME: &'static str = "keystone-gen-kubeconfig";
    const ABOUT: &'static str = "Renders kubeconfigs for people, components and emergencies";
    type Error = Error;

    fn render(&self, cluster: &keystone_model::Cluster, trust: &Trust) -> Result<Vec<Artifact>, Error> {
        let authority = trust.authorities.get(&Authority::Kubernetes).ok_or(Error::NoAuthority)?;
        let authority = STANDARD.encode(authority);
        if let Some(service) = services(cluster).iter().find(|service| takes_local_port(service)) {
            return Err(Error::PortTaken(service.name));
        }
        let name = cluster.cluster.name.as_str();
        let servers = servers(cluster);
        let mut artifacts = Vec::new();
        let mut push = |path: String, config: &Config| -> Result<(), Error> {
            let text = serde_saphyr::to_string(config)
                .map_err(|error| Error::Write { path: path.clone(), reason: error.to_string() })?;
            artifacts.push(Artifact::new(path, text));
            Ok(())
        };
        if let Some(login) = &cluster.identity.login {
            for person in cluster.people.keys() {
                let user = User::exec(Exec::oidc_login(login));
                let config = Config::new(name, &servers, &authority, person.as_str(), user);
                push(format!("kubernetes/people/{person}.yaml"), &config)?;
            }
        }
        let user = User::certificate("break-glass.crt", "break-glass.key");
        push(
            "kubernetes/break-glass.yaml".to_owned(),
            &Config::new(name, &servers, &authority, "break-glass", user),
        )?;
        let local = vec![(name.to_owned(), format!("https://127.0.0.1:{LOCAL_API_PORT}"))];
        for component in COMPONENTS {
            let certificate = format!("{CERTIFICATES}/{component}.crt");
            let key = format!("{CERTIFICATES}/{component}.key");
            let config =
                Config::new(name, &local, &authority, component, User::certificate(&certificate, &key));
            push(format!("kubernetes/components/{component}.yaml"), &config)?;
        }
        artifacts.sort();
        Ok(artifacts)
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        for artifact in artifacts {
            read(&artifact.contents)
                .map_err(|refusal| Error::Refused { path: artifact.path.clone(), refusal })?;
        }
        Ok(())
    }
}

/// Whether the service has the load balancer's port on machines where components run.
fn takes_local_port(service: &Service) -> bool {
    service.proto == Proto::Tcp
        && service.ports.iter().any(|range| range.contains(LOCAL_API_PORT))
        && service.servers.iter().any(|role| Role::KUBERNETES.contains(role))
}

/// The API under its own name first, then each control-plane node under its.
fn servers(cluster: &keystone_model::Cluster) -> Vec<(String, String)> {
    let zone = &cluster.mesh.base_domain;
    let url = |host: &Domain| format!("https://{host}:6443");
    let name = &cluster.cluster.name;
    let control = cluster.nodes.iter().filter(|(_, node)| node.roles.contains(&Role::ControlPlane));
    std::iter::once((name.to_string(), url(&zone.child(&cluster.kubernetes.api_name))))
        .chain(control.map(|(node, _)| (format!("{name}-{node}"), url(&zone.child(node)))))
        .collect()
}
