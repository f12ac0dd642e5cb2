//! The table of those who believe certificates: who, by which setting, which bundle.

use keystone_model::Authority;

/// How a consumer learns that a certificate is no longer good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// It reads a list.
    List(&'static str),
    /// It reads none: the intermediate is replaced and taken out of the bundle.
    Replacement,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Consumer {
    /// Who believes.
    pub consumer: &'static str,
    /// The flag, option or key.
    pub setting: &'static str,
    /// Whom the bundle names.
    pub bundle: Authority,
    /// Whose certificates are checked with it.
    pub checks: &'static str,
    /// Whether those are clients, who may do something if they are believed.
    pub clients: bool,
    /// How a certificate is taken back.
    pub revocation: Revocation,
}

const fn consumer(
    consumer: &'static str,
    setting: &'static str,
    bundle: Authority,
    checks: &'static str,
    clients: bool,
) -> Consumer {
    Consumer { consumer, setting, bundle, checks, clients, revocation: Revocation::Replacement }
}

/// Everybody who believes certificates. Clients are believed by one intermediate's bundle and never by the root's: under
/// the root, any certificate with `O=system:masters` would rule the cluster, whoever signed it.
pub const CONSUMERS: &[Consumer] = &[
    consumer("kube-apiserver", "`--client-ca-file`", Authority::Kubernetes, "components and people", true),
    consumer(
        "kube-apiserver",
        "`--requestheader-client-ca-file`, with `--requestheader-allowed-names=front-proxy-client`",
        Authority::FrontProxy,
        "the aggregation layer, which speaks for others",
        true,
    ),
    consumer("kube-apiserver", "`--etcd-cafile`", Authority::Etcd, "members of etcd", false),
    consumer("kube-apiserver", "`--kubelet-certificate-authority`", Authority::Kubernetes, "kubelets", false),
    consumer(
        "kube-controller-manager",
        "`--root-ca-file`; its first alone: `--cluster-signing-cert-file`",
        Authority::Kubernetes,
        "what it signs itself, and the API, in pods",
        false,
    ),
    Consumer {
        consumer: "etcd",
        setting: "`--trusted-ca-file`",
        bundle: Authority::Etcd,
        checks: "clients of etcd",
        clients: true,
        revocation: Revocation::List("`--client-crl-file`"),
    },
    Consumer {
        consumer: "etcd",
        setting: "`--peer-trusted-ca-file`",
        bundle: Authority::Etcd,
        checks: "other members",
        clients: true,
        revocation: Revocation::List("`--peer-crl-file`"),
    },
    consumer("kubelet", "`authentication.x509.clientCAFile`", Authority::Kubernetes, "kube-apiserver", true),
    consumer("kubeconfigs", "`certificate-authority-data`", Authority::Kubernetes, "the API", false),
    consumer(
        "tailscaled and all other programs of a machine",
        "`security.pki.certificateFiles`",
        Authority::Root,
        "coordinator and relays of the mesh",
        false,
    ),
    consumer(
        "our own programs",
        "the bundle, or the root for a leaf `node` that the root signed directly",
        Authority::Node,
        "machines",
        true,
    ),
];
