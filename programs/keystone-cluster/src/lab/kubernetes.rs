//! A control plane on loopback. Its settings are those of modules/control-plane; what belongs to a mesh or to systemd is
//! left out.

mod configuration;

use std::fs;
use std::path::{Path, PathBuf};

use keystone_gen_kubeconfig::{CERTIFICATES, Kubeconfig, LOCAL_API_PORT};
use keystone_pki::certificate::Certificate;
use serde_json::json;

use configuration::Settings;

use super::peers::Place;
use super::private;
use super::service::Service;
use super::{LabError, step};

pub const PROGRAMS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
/// The first of each program is named as it is.
pub const PORTS: [&str; 5] =
    ["etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

const LOOPBACK: &str = "127.0.0.1";

/// The admin's kubeconfig.
pub fn kubeconfig(peers: &Path) -> PathBuf {
    peers.join("admin.kubeconfig")
}

/// Starts what does not run.
pub fn up(place: &Place<'_>) -> Result<String, LabError> {
    let [etcd, apiserver, manager, scheduler] = PROGRAMS.map(|name| Service::new(&place.folder, name));
    start(place, &etcd, || Ok(member(place, &etcd)), &|| {
        place.well((LOOPBACK, "etcd"), "etcd", &["apiserver-etcd"], "/health")
    })?;
    start(place, &apiserver, || server(place, &apiserver), &|| {
        place.well((LOOPBACK, "kube-apiserver"), "kubernetes", &[], "/readyz")
    })?;
    let admin = admin(place)?;
    start(place, &manager, || controllers(place, &manager), &|| {
        // It says that it is well before its controllers are made, and ends when one cannot be.
        place.well((LOOPBACK, "kube-controller-manager"), "kubernetes", &[], "/healthz")?;
        let made = "/api/v1/namespaces/default/serviceaccounts/default";
        place.well((LOOPBACK, "kube-apiserver"), "kubernetes", &["break-glass"], made)
    })?;
    start(place, &scheduler, || scheduling(place, &scheduler), &|| {
        place.well((LOOPBACK, "kube-scheduler"), "kubernetes", &[], "/healthz")
    })?;
    Ok(format!(
        "\nKubernetes answers on https://{}, with the part of {} played by this machine. Its admin is break-glass:{}:\n\n  \
         export KUBECONFIG={}\n  kubectl auth whoami\n  kubectl get namespaces\n",
        place.at("kube-apiserver"),
        place.node(),
        place.admin(),
        admin.display(),
    ))
}

fn start(
    place: &Place<'_>,
    service: &Service,
    arguments: impl FnOnce() -> Result<Vec<String>, LabError>,
    answers: &dyn Fn() -> Result<(), String>,
) -> Result<(), LabError> {
    if service.running() {
        step(&format!("{} runs already", service.name));
        return Ok(());
    }
    let child = service.start(&place.program(service.name), &arguments()?, place.lock)?;
    service.ready(child, answers)?;
    step(&format!("{} answers on {}", service.name, place.at(service.name)));
    Ok(())
}

/// etcd: one member.
fn member(place: &Place<'_>, service: &Service) -> Vec<String> {
    let client = format!("https://{}", place.at("etcd"));
    let peer = format!("https://{}", place.at("etcd-peer"));
    let (ca, crt, key) = (place.bundle("etcd"), place.key("etcd.crt"), place.key("etcd.key"));
    let mut arguments = vec![
        format!("--name={}", place.node()),
        format!("--data-dir={}", service.folder.join("data").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster={}={peer}", place.node()),
        format!("--initial-cluster-token={}", place.cluster().cluster.name),
        "--tls-min-version=TLS1.3".to_owned(),
    ];
    for side in ["", "peer-"] {
        arguments.extend([
            format!("--{side}client-cert-auth"),
            format!("--{side}trusted-ca-file={ca}"),
            format!("--{side}cert-file={crt}"),
            format!("--{side}key-file={key}"),
        ]);
    }
    arguments
}

/// kube-apiserver.
fn server(place: &Place<'_>, service: &Service) -> Result<Vec<String>, LabError> {
    let cluster = place.cluster();
    let unfit = |error: serde_json::Error| LabError::Render {
        generator: "kube-apiserver",
        reason: error.to_string(),
    };
    let settings = Settings::read().map_err(unfit)?;
    let authentication = settings.authentication();
    let audit = settings.audit(cluster.kubernetes.audit);
    let issuer = &cluster.identity.issuer;
    let mut arguments = vec![
        format!("--bind-address={LOOPBACK}"),
        format!("--advertise-address={LOOPBACK}"),
        format!("--secure-port={}", place.port("kube-apiserver")),
        "--allow-privileged=true".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        format!("--service-cluster-ip-range={}", cluster.kubernetes.service_cidr),
        format!("--etcd-servers=https://{}", place.at("etcd")),
        format!("--etcd-cafile={}", place.bundle("etcd")),
        format!("--etcd-certfile={}", place.key("apiserver-etcd.crt")),
        format!("--etcd-keyfile={}", place.key("apiserver-etcd.key")),
        format!("--client-ca-file={}", place.bundle("kubernetes")),
        format!("--tls-cert-file={}", place.key("apiserver.crt")),
        format!("--tls-private-key-file={}", place.key("apiserver.key")),
        "--kubelet-preferred-address-types=Hostname".to_owned(),
        format!("--kubelet-certificate-authority={}", place.bundle("kubernetes")),
        format!("--kubelet-client-certificate={}", place.key("apiserver-kubelet.crt")),
        format!("--kubelet-client-key={}", place.key("apiserver-kubelet.key")),
        format!("--proxy-client-cert-file={}", place.key("front-proxy.crt")),
        format!("--proxy-client-key-file={}", place.key("front-proxy.key")),
        format!("--requestheader-client-ca-file={}", place.bundle("front-proxy")),
        format!("--encryption-provider-config={}", place.secret("etcd-encryption")?),
        format!("--authentication-config={}", service.file("authentication.json", &authentication)?),
        format!("--audit-policy-file={}", service.file("audit-policy.json", &audit)?),
        format!("--audit-log-path={}", service.folder.join("audit.log").display()),
        format!("--service-account-issuer={issuer}"),
        format!("--service-account-jwks-uri={issuer}/openid/v1/jwks"),
        format!("--service-account-signing-key-file={}", place.secret("oidc-signing")?),
        "--api-audiences=https://kubernetes.default.svc".to_owned(),
        "--service-account-max-token-expiration=24h".to_owned(),
        "--service-account-extend-token-expiration=false".to_owned(),
    ];
    arguments.extend(settings.flags);
    for key in &place.loaded.trust.service_account_keys {
        let path = place.lab.join(format!("trust/service-account/{}.pub", key.name));
        arguments.push(format!("--service-account-key-file={}", path.display()));
    }
    Ok(arguments)
}

/// kube-controller-manager.
fn controllers(place: &Place<'_>, service: &Service) -> Result<Vec<String>, LabError> {
    let kubernetes = &place.cluster().kubernetes;
    let config = component(place, service, "controller-manager")?;
    let ca = place.bundle("kubernetes");
    let mut arguments = common(place, service, &config, "controller-manager");
    arguments.extend([
        "--allocate-node-cidrs=true".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        format!("--cluster-cidr={}", kubernetes.pod_cidr),
        format!("--service-cluster-ip-range={}", kubernetes.service_cidr),
        format!("--cluster-name={}", place.cluster().cluster.name),
        format!("--root-ca-file={ca}"),
        format!("--cluster-signing-cert-file={}", signer(place, &ca)?),
        format!("--cluster-signing-key-file={}", place.secret("k8s-ca-key")?),
    ]);
    Ok(arguments)
}

/// The bundle's first, which issues. The program takes exactly one certificate here, and the bundle has the successors too.
fn signer(place: &Place<'_>, bundle: &str) -> Result<String, LabError> {
    let unfit = |reason: String| LabError::Render { generator: "kube-controller-manager", reason };
    let text = fs::read_to_string(bundle).map_err(LabError::file(Path::new(bundle)))?;
    let certificates = Certificate::bundle(&text).map_err(|error| unfit(error.to_string()))?;
    let first = certificates.first().ok_or_else(|| unfit(format!("`{bundle}` has no certificate")))?;
    let path = place.key("kubernetes-signer.crt");
    private::write(Path::new(&path), first.pem().as_bytes())?;
    Ok(path)
}

/// kube-scheduler.
fn scheduling(place: &Place<'_>, service: &Service) -> Result<Vec<String>, LabError> {
    let config = component(place, service, "scheduler")?;
    Ok(common(place, service, &config, "scheduler"))
}

/// What the two that lead by a lease have in common.
fn common(place: &Place<'_>, service: &Service, config: &str, leaf: &str) -> Vec<String> {
    vec![
        format!("--bind-address={LOOPBACK}"),
        format!("--secure-port={}", place.port(service.name)),
        format!("--kubeconfig={config}"),
        format!("--authentication-kubeconfig={config}"),
        format!("--authorization-kubeconfig={config}"),
        format!("--tls-cert-file={}", place.key(&format!("{leaf}.crt"))),
        format!("--tls-private-key-file={}", place.key(&format!("{leaf}.key"))),
        "--leader-elect=true".to_owned(),
        "--profiling=false".to_owned(),
        "--tls-min-version=VersionTLS13".to_owned(),
    ]
}

/// A component's rendered kubeconfig, with this lab's port and folder in it.
fn component(place: &Place<'_>, service: &Service, name: &str) -> Result<String, LabError> {
    let path = format!("kubernetes/components/{name}.yaml");
    let rendered = place.rendered::<Kubeconfig>()?;
    let text = rendered.get(&path).map(String::as_str).unwrap_or_default();
    let text = text
        .replace(
            &format!("https://127.0.0.1:{LOCAL_API_PORT}"),
            &format!("https://{}", place.at("kube-apiserver")),
        )
        .replace(CERTIFICATES, &place.pki().display().to_string());
    service.file("kubeconfig.yaml", &text)
}

/// The kubeconfig of an admin whom RBAC does not hold back: nothing was applied yet that would give anybody a right.
fn admin(place: &Place<'_>) -> Result<PathBuf, LabError> {
    let name = place.cluster().cluster.name.as_str();
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": name, "cluster": {
            "server": format!("https://{}", place.at("kube-apiserver")),
            "certificate-authority": place.bundle("kubernetes"),
        }}],
        "users": [{ "name": "break-glass", "user": {
            "client-certificate": place.key("break-glass.crt"),
            "client-key": place.key("break-glass.key"),
        }}],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": "break-glass" } }],
        "current-context": name,
    });
    let path = kubeconfig(&place.folder);
    private::write(&path, format!("{config:#}\n").as_bytes())?;
    Ok(path)
}
