//! The head of the page: what cluster this is, in numbers.

use keystone_model::Role;
use serde::Serialize;

use super::matrix::Matrix;
use crate::Input;
use crate::wording::{count, thousands};

/// The head of the page.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    name: String,
    domain: String,
    counts: Vec<Count>,
    settings: Vec<Setting>,
}

/// A number and what it counts.
#[derive(Debug, Serialize)]
struct Count {
    number: String,
    what: &'static str,
    /// The same in detail.
    note: String,
}

/// A setting that decides what the rest means.
#[derive(Debug, Serialize)]
struct Setting {
    what: &'static str,
    value: String,
}

impl Head {
    pub(super) fn of(input: &Input<'_>, matrix: &Matrix) -> Self {
        let cluster = input.cluster;
        let with_role = |role: Role| cluster.nodes.values().filter(|node| node.roles.contains(&role)).count();
        let admins = cluster.people.values().filter(|person| person.admin).count();
        let most: u64 = cluster.pools.values().map(|pool| u64::from(pool.max)).sum();
        let plural =
            |number: usize, one: &'static str, many: &'static str| if number == 1 { one } else { many };
        let counted = |number: usize, one, many, note: String| Count {
            number: thousands(number),
            what: plural(number, one, many),
            note,
        };
        let counts = vec![
            counted(
                cluster.nodes.len(),
                "node",
                "nodes",
                format!(
                    "{}, {} control-plane",
                    count(with_role(Role::Primer), "primer", "primers"),
                    with_role(Role::ControlPlane)
                ),
            ),
            counted(
                cluster.pools.len(),
                "pool",
                "pools",
                if cluster.pools.is_empty() {
                    "nothing comes and goes".to_owned()
                } else {
                    format!("up to {most} more machines")
                },
            ),
            counted(
                cluster.people.len(),
                "person",
                "people",
                count(admins, "administrator", "administrators"),
            ),
            Count {
                number: thousands(matrix.open_pairs()),
                what: "open pairs",
                note: format!(
                    "of {} from {}",
                    thousands(matrix.pairs()),
                    count(matrix.classes(), "class", "classes")
                ),
            },
            counted(
                input.files.len(),
                "file",
                "files",
                crate::wording::bytes(input.files.iter().map(|file| file.bytes).sum()),
            ),
        ];
        let setting = |what, value: String| Setting { what, value };
        let kubernetes = &cluster.kubernetes;
        let mesh = &cluster.mesh;
        let settings = vec![
            setting("Kubernetes", kubernetes.version.clone()),
            setting("NixOS", cluster.cluster.state_version.clone()),
            setting("Keystone", env!("CARGO_PKG_VERSION").to_owned()),
            setting("Inventory schema", cluster.schema.to_string()),
            setting("API", format!("https://{}.{}:6443", kubernetes.api_name, mesh.base_domain)),
            setting("Pods", kubernetes.pod_cidr.to_string()),
            setting("Services", kubernetes.service_cidr.to_string()),
            setting("Mesh", format!("{}, {}", mesh.prefixes.v4, mesh.prefixes.v6)),
            setting("Token issuer", cluster.identity.issuer.to_string()),
        ];
        Self {
            name: cluster.cluster.name.to_string(),
            domain: cluster.cluster.domain.to_string(),
            counts,
            settings,
        }
    }
}
