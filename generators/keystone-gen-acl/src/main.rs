//! `keystone-gen-acl`: see the library of the same name. With `--policy` it judges any policy.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use keystone_gen_acl::AccessPolicy;
use keystone_generator::{Common, document, execute};

/// Renders the access policy of the mesh, and proves that it opens what the inventory intends.
///
/// With --policy it judges a policy instead, also one written by hand (HuJSON): whether Headscale 0.29 would load it,
/// and what it would load although it opens everything or matches nothing. It looks at the text alone.
#[derive(Debug, Parser)]
#[command(
    name = "keystone-gen-acl",
    version,
    after_help = "Exit codes: 0 done, accepted, or nothing differs; 1 the input is wrong, the policy is rejected, or a \
                  file differs; 2 the command line is wrong."
)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// A policy to judge (`-` for standard input), with --mode check
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "out", "only", "trust"])]
    policy: Option<PathBuf>,
    /// Take warnings for errors
    #[arg(long, requires = "policy")]
    strict: bool,
    /// Print the verdict as one JSON document
    #[arg(long, requires = "policy")]
    json: bool,
}

/// A policy has one rule a line, or thousands; more than this is no policy.
const MAX_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(what) = arguments.common.generate {
        return document(Arguments::command(), what);
    }
    match &arguments.policy {
        Some(path) => judge(path, arguments.strict, arguments.json),
        None => execute(&AccessPolicy, &arguments.common),
    }
}

fn judge(path: &PathBuf, strict: bool, as_json: bool) -> ExitCode {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let text = match bytes {
        Ok(bytes) if bytes.len() > MAX_BYTES => {
            eprintln!("error: `{}` has {} MB, which is no policy", path.display(), bytes.len() / 1_000_000);
            return ExitCode::FAILURE;
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                eprintln!("error: `{}` is not UTF-8 from byte {at} on", path.display());
                return ExitCode::FAILURE;
            }
        },
        Err(error) => {
            eprintln!("error: cannot read `{}`: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let mut report = keystone_policy::check(&text);
    if strict {
        report = report.strict();
    }
    if as_json {
        match serde_json::to_string_pretty(&report) {
            Ok(json) => println!("{json}"),
            Err(error) => {
                eprintln!("error: cannot print the verdict: {error}");
                return ExitCode::FAILURE;
            }
        }
    } else {
        for (kind, findings) in [("error", &report.errors), ("warning", &report.warnings)] {
            for finding in findings {
                let at = if finding.pointer.is_empty() {
                    String::new()
                } else {
                    format!(" (at {})", finding.pointer)
                };
                eprintln!(
                    "{}:{}:{}: {kind}: {}{at}",
                    path.display(),
                    finding.line,
                    finding.column,
                    finding.message
                );
            }
        }
        let verdict = if report.accepted { "accepted" } else { "rejected" };
        println!("{verdict}: {} errors, {} warnings", report.errors.len(), report.warnings.len());
    }
    if report.accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
