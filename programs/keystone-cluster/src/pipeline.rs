//! All generators on one inventory, each reading again what it rendered, then manifest and report.

use std::thread;
use std::time::{Duration, Instant};

use keystone_gen_acl::{AccessPolicy, REACHABILITY};
use keystone_gen_cloud_init::CloudInit;
use keystone_gen_crd::Crd;
use keystone_gen_derp::Derp;
use keystone_gen_kubeconfig::Kubeconfig;
use keystone_gen_nixos_options::NixosOptions;
use keystone_gen_oidc::Oidc;
use keystone_generator::{Artifact, Generator, Loaded};
use keystone_model::{Cluster, Trust};
use keystone_report::{Fact, File, Input, report};

use crate::manifest::{self, Described};
use crate::refusal::Refusal;

/// Path of the report below the output folder.
pub const REPORT: &str = "report.html";

type Run = fn(&Cluster, &Trust) -> Result<Vec<Artifact>, String>;

/// A generator, and what its own reading of the result shows.
struct Stage {
    generator: &'static str,
    proves: &'static str,
    run: Run,
}

const fn stage<G: Generator + Default>(proves: &'static str) -> Stage {
    Stage { generator: G::NAME, proves, run: run::<G> }
}

fn run<G: Generator + Default>(cluster: &Cluster, trust: &Trust) -> Result<Vec<Artifact>, String> {
    let generator = G::default();
    let artifacts = generator.render(cluster, trust).map_err(|error| error.to_string())?;
    generator.verify(&artifacts).map_err(|error| format!("what was rendered would be refused: {error}"))?;
    Ok(artifacts)
}

const STAGES: [Stage; 7] = [
    stage::<AccessPolicy>(
        "Headscale accepts the policy, and it opens what the inventory means and nothing else",
    ),
    stage::<Derp>(
        "Headscale reads every region of the relay map, and relays are left when all primers sleep",
    ),
    stage::<CloudInit>(
        "The schema of cloud-init accepts all user-data; none is over 16 KiB, none that is shared holds a secret",
    ),
    stage::<Kubeconfig>("Every context leads to a server and a user, and no private key is inlined"),
    stage::<Crd>("The schemas are structural, and every rule is bounded"),
    stage::<Oidc>(
        "Key ids are those of kube-apiserver, and every IAM condition is one that its action supports",
    ),
    stage::<NixosOptions>("The options parse as Nix and cover every key of the inventory"),
];

/// What one generator did.
pub struct Done {
    pub generator: &'static str,
    pub proves: &'static str,
    pub files: usize,
    pub took: Duration,
}

/// Everything that was rendered.
pub struct Rendered {
    /// All files, by path; the manifest last.
    pub files: Vec<Artifact>,
    pub done: Vec<Done>,
}

/// Runs all generators, the manifest and the report.
pub fn run_all(loaded: &Loaded) -> Result<Rendered, Refusal> {
    let (cluster, trust) = (&loaded.inventory.cluster, &loaded.trust);
    let results: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = STAGES
            .iter()
            .map(|stage| {
                let work = scope.spawn(move || {
                    let started = Instant::now();
                    let artifacts = (stage.run)(cluster, trust);
                    (artifacts, started.elapsed())
                });
                (stage, work)
            })
            .collect();
        running.into_iter().map(|(stage, work)| (stage, work.join())).collect()
    });
    let mut files = Vec::new();
    let mut done = Vec::new();
    for (stage, result) in results {
        let refuse = |message| Refusal::Generator { generator: stage.generator, message };
        let (artifacts, took) =
            result.map_err(|_| refuse("stopped by a mistake of its own; please report it".to_owned()))?;
        let artifacts = artifacts.map_err(refuse)?;
        done.push(Done { generator: stage.generator, proves: stage.proves, files: artifacts.len(), took });
        files.extend(artifacts);
    }
    files.sort();
    if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Refusal::SamePath { path: pair[0].path.clone() });
    }
    let mut described = manifest::describe(&files)?;
    let page = draw(loaded, &files, &described, &done)?;
    described.extend(manifest::describe(std::slice::from_ref(&page))?);
    files.push(page);
    files.sort();
    files.push(manifest::write(described)?);
    Ok(Rendered { files, done })
}

fn draw(
    loaded: &Loaded,
    files: &[Artifact],
    described: &[Described],
    done: &[Done],
) -> Result<Artifact, Refusal> {
    let reachability = files.iter().find(|file| file.path == REACHABILITY);
    let listed: Vec<File> = described
        .iter()
        .map(|file| File {
            path: file.path.clone(),
            bytes: u64::try_from(file.size).unwrap_or(u64::MAX),
            sha256: file.sha256.clone(),
        })
        .collect();
    let facts: Vec<Fact> = done
        .iter()
        .map(|done| Fact { what: done.proves.to_owned(), how: done.generator.to_owned() })
        .collect();
    let html = report(&Input {
        cluster: &loaded.inventory.cluster,
        reachability: reachability.map_or("", |file| &file.contents),
        warnings: &loaded.inventory.warnings,
        files: &listed,
        facts: &facts,
    })
    .map_err(|error| Refusal::Report(error.to_string()))?;
    Ok(Artifact::new(REPORT, html))
}
