//! What modules need to know and no inventory says: the service table and the table of secrets, as JSON for Nix.
//!
//! Both are the same for every cluster, so they lie beside the modules and evaluation never has to build anything. A
//! port that an inventory may choose is named by its setting instead of its number.

use keystone_generator::Artifact;
use keystone_model::Role;
use keystone_model::secret::SECRETS;
use keystone_model::service::Service;
use serde_json::{Map, Value, json};

/// Path of the service table below the output folder.
pub const SERVICES: &str = "nix/services.json";
/// Path of the table of secrets below the output folder.
pub const SECRET_TABLE: &str = "nix/secrets.json";

/// Both tables. The ports of `services` whose `setting` is not null are left out.
#[must_use]
pub fn render(services: &[Service]) -> Vec<Artifact> {
    let names = |roles: &[Role]| roles.iter().map(|role| role.as_str()).collect::<Vec<_>>();
    let rows: Map<String, Value> = services
        .iter()
        .map(|service| {
            let ports: Vec<Value> = match service.setting {
                Some(_) => Vec::new(),
                None => service
                    .ports
                    .iter()
                    .map(|range| json!({ "from": range.first(), "to": range.last() }))
                    .collect(),
            };
            let row = json!({
                "proto": service.proto.as_str(),
                "ports": ports,
                "setting": service.setting,
                "servers": names(service.servers),
                "clients": names(service.clients),
                "plane": service.plane.as_str(),
                "purpose": service.purpose,
            });
            (service.name.to_owned(), row)
        })
        .collect();
    let secrets: Map<String, Value> = SECRETS
        .iter()
        .map(|(name, purpose, readers)| {
            ((*name).to_owned(), json!({ "purpose": purpose, "readers": names(readers) }))
        })
        .collect();
    let text = |table: Map<String, Value>| format!("{:#}\n", Value::Object(table));
    vec![Artifact::new(SERVICES, text(rows)), Artifact::new(SECRET_TABLE, text(secrets))]
}
