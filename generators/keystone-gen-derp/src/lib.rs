//! Relays (DERP): the map that Headscale hands to clients, and the settings of each relay.
//!
//! One region per relay host, and relay hosts are every primer and every control-plane node: primers sleep, and a
//! mesh without a relay that is awake heals after no reboot (`verify` refuses such a map).

mod map;
mod settings;

pub use map::{DerpMap, MapError, Region, RelayNode, read};
pub use settings::{HeadscaleDerp, RelaySettings};

use keystone_generator::{Artifact, Generator};
use keystone_model::{Cluster, Trust};
use thiserror::Error;

/// The map's path below the output folder.
pub const MAP: &str = "mesh/derp.yaml";
/// Path of the `derp` section of Headscale's configuration.
pub const HEADSCALE: &str = "mesh/headscale-derp.json";

/// The generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Derp;

/// Why there is no map, or a wrong one.
#[derive(Debug, Error)]
pub enum Error {
    /// Every relay would sleep with the primers.
    #[error(
        "no relay is left once the primers are offline; give a node the role `control-plane`, which runs a relay too"
    )]
    OnlyPrimers,
    /// A file cannot be written as text.
    #[error("cannot write `{path}`: {reason}")]
    Write {
        /// Its path below the output folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// Headscale or its clients would refuse or misread the map.
    #[error("`{MAP}`: {0}")]
    Map(#[from] MapError),
    /// The settings do not read back.
    #[error("`{path}`: {reason}")]
    Settings {
        /// Its path below the output folder.
        path: String,
        /// Why.
        reason: String,
    },
}

impl Generator for Derp {
    const NAME: &'static str = "keystone-gen-derp";
    const ABOUT: &'static str =
        "Renders the relay map that Headscale hands to clients, and the settings of each relay";
    type Error = Error;

    fn render(&self, cluster: &Cluster, _: &Trust) -> Result<Vec<Artifact>, Error> {
        let map = DerpMap::of(cluster);
        if !map.survives_without_primers(cluster) {
            return Err(Error::OnlyPrimers);
        }
        let yaml = serde_saphyr::to_string(&map)
            .map_err(|error| Error::Write { path: MAP.to_owned(), reason: error.to_string() })?;
        let mut artifacts = vec![
            Artifact::new(MAP, yaml),
            Artifact::new(HEADSCALE, json(HEADSCALE, &HeadscaleDerp::of(cluster))?),
        ];
        for settings in RelaySettings::all(cluster) {
            let path = format!("mesh/relays/{}.json", settings.node);
            let text = json(&path, &settings)?;
            artifacts.push(Artifact::new(path, text));
        }
        artifacts.sort();
        Ok(artifacts)
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        for artifact in artifacts {
            let unfit = |error: serde_json::Error| Error::Settings {
                path: artifact.path.clone(),
                reason: error.to_string(),
            };
            match artifact.path.as_str() {
                MAP => {
                    read(&artifact.contents)?;
                }
                HEADSCALE => {
                    serde_json::from_str::<HeadscaleDerp>(&artifact.contents).map_err(unfit)?;
                }
                _ => {
                    serde_json::from_str::<RelaySettings>(&artifact.contents).map_err(unfit)?;
                }
            }
        }
        Ok(())
    }
}

fn json<T: serde::Serialize>(path: &str, value: &T) -> Result<String, Error> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Write { path: path.to_owned(), reason: error.to_string() })?;
    text.push('\n');
    Ok(text)
}
