//! Headscale on loopback, with the rendered policy and relay map. Its settings are those of modules/mesh/coordinator.nix.

use keystone_gen_acl::{AccessPolicy, POLICY};
use keystone_gen_derp::{Derp, MAP};
use serde_json::json;

use super::peers::Place;
use super::service::Service;
use super::{LabError, step};

pub const PROGRAMS: [&str; 1] = ["headscale"];
pub const PORTS: [&str; 3] = ["headscale", "headscale-metrics", "headscale-grpc"];

/// Starts it, if it does not run.
pub fn up(place: &Place<'_>) -> Result<String, LabError> {
    let service = Service::new(&place.folder, "headscale");
    let name = place.cluster().mesh.url.host().to_string();
    if service.running() {
        step("headscale runs already");
    } else {
        let config = config(place, &service, &name)?;
        let arguments = ["serve".to_owned(), "--config".to_owned(), config];
        let child = service.start(&place.program(service.name), &arguments, place.lock)?;
        service.ready(child, || place.well((&name, "headscale"), "root", &[], "/health"))?;
        step(&format!("headscale answers on {}", place.at("headscale")));
    }
    Ok(format!(
        "\nHeadscale answers on https://{at} as {name}:\n\n  \
         curl --cacert {ca} --connect-to {name}::{at} https://{name}/health\n  \
         headscale --config {config} users list\n",
        at = place.at("headscale"),
        ca = place.bundle("root"),
        config = service.folder.join("config.yaml").display(),
    ))
}

fn config(place: &Place<'_>, service: &Service, name: &str) -> Result<String, LabError> {
    let mesh = &place.cluster().mesh;
    let mut rendered = place.rendered::<AccessPolicy>()?;
    rendered.extend(place.rendered::<Derp>()?);
    let text = |path: &str| rendered.get(path).map(String::as_str).unwrap_or_default();
    let policy = service.file("policy.json", text(POLICY))?;
    let map = service.file("derp.yaml", text(MAP))?;
    let records = service.file("records.json", "[]\n")?;
    let config = json!({
        "server_url": format!("https://{name}:{}", place.port("headscale")),
        "listen_addr": place.at("headscale"),
        "metrics_listen_addr": place.at("headscale-metrics"),
        "grpc_listen_addr": place.at("headscale-grpc"),
        "unix_socket": service.folder.join("socket"),
        "unix_socket_permission": "0700",
        "prefixes": { "v4": mesh.prefixes.v4.to_string(), "v6": mesh.prefixes.v6.to_string() },
        "noise": { "private_key_path": place.secret("headscale-noise")? },
        "tls_cert_path": place.key("mesh.crt"),
        "tls_key_path": place.key("mesh.key"),
        "database": { "type": "sqlite", "sqlite": { "path": service.folder.join("database") } },
        "derp": {
            // Whatever the inventory falls back to: a lab asks nobody outside.
            "urls": [],
            "paths": [map],
            "auto_update_enabled": false,
            "server": { "enabled": false },
        },
        "dns": {
            "magic_dns": true,
            "base_domain": mesh.base_domain.to_string(),
            "override_local_dns": !mesh.nameservers.is_empty(),
            "nameservers": { "global": mesh.nameservers },
            "extra_records_path": records,
        },
        "policy": { "mode": "file", "path": policy },
        "disable_check_updates": true,
        "logtail": { "enabled": false },
    });
    // JSON is YAML.
    service.file("config.yaml", &format!("{config:#}\n"))
}
