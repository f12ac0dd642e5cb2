//! `reference/services.md`: the service table of a cluster, and its roles.

use keystone_model::service::{Service, services};
use keystone_model::{Cluster, Proto, Role};
use serde::Serialize;
use serde_json::Value;

use super::{PageError, cell, fill};

#[derive(Serialize)]
struct Page {
    cluster: String,
    services: Vec<ServiceRow>,
    roles: Vec<RoleRow>,
}

#[derive(Serialize)]
struct ServiceRow {
    name: &'static str,
    proto: &'static str,
    ports: String,
    plane: &'static str,
    servers: String,
    clients: String,
    purpose: String,
}

#[derive(Serialize)]
struct RoleRow {
    name: &'static str,
    tag: String,
    about: String,
    serves: String,
    uses: String,
}

/// Renders the page. `schema` tells what each role is for.
///
/// # Errors
/// When the template does not fit.
pub fn page(cluster: &Cluster, schema: &Value) -> Result<String, PageError> {
    let table = services(cluster);
    let rows = table.iter().map(|service| ServiceRow {
        name: service.name,
        proto: service.proto.as_str(),
        ports: ports(service),
        plane: service.plane.as_str(),
        servers: roles(service.servers),
        clients: roles(service.clients),
        purpose: cell(service.purpose),
    });
    let named = |wanted: &dyn Fn(&Service) -> bool| {
        let names: Vec<String> =
            table.iter().filter(|service| wanted(service)).map(|s| format!("`{}`", s.name)).collect();
        names.join(", ")
    };
    let roles = Role::ALL.into_iter().map(|role| RoleRow {
        name: role.as_str(),
        tag: role.tag(),
        about: cell(&meaning(schema, role)),
        serves: named(&|service| service.servers.contains(&role)),
        uses: named(&|service| service.clients.contains(&role)),
    });
    let page =
        Page { cluster: cluster.cluster.name.to_string(), services: rows.collect(), roles: roles.collect() };
    fill(include_str!("../../templates/services.md"), page)
}

fn ports(service: &Service) -> String {
    if service.proto == Proto::Icmp {
        return "none".to_owned();
    }
    let ports: Vec<String> = service.ports.iter().map(ToString::to_string).collect();
    ports.join(", ")
}

fn roles(roles: &[Role]) -> String {
    if roles.len() == Role::ALL.len() {
        return "every role".to_owned();
    }
    if roles.is_empty() {
        return "people, by access rules".to_owned();
    }
    let names: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
    names.join(", ")
}

/// What the schema says of a role; empty if it says nothing.
fn meaning(schema: &Value, role: Role) -> String {
    let roles = schema.pointer("/$defs/Role/oneOf").and_then(Value::as_array);
    let found = roles
        .into_iter()
        .flatten()
        .find(|member| member.get("const").and_then(Value::as_str) == Some(role.as_str()));
    let about = found.and_then(|member| member.get("description")).and_then(Value::as_str);
    about.unwrap_or_default().to_owned()
}
