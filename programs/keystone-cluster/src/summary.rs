//! What was done, for people and for machines.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use keystone_generator::{Loaded, show_findings};
use keystone_model::Severity;
use serde_json::{Value, json};

use crate::pipeline::{REPORT, Rendered};

/// What was done.
pub struct Summary {
    text: String,
    json: Value,
}

impl Summary {
    pub fn new(
        inventory: &Path,
        loaded: &Loaded,
        rendered: &Rendered,
        out: Option<&Path>,
        took: Duration,
    ) -> Self {
        let cluster = &loaded.inventory.cluster;
        let warnings = &loaded.inventory.warnings;
        let bytes: usize = rendered.files.iter().map(|file| file.contents.len()).sum();
        let file = inventory.display().to_string();
        let mut text = show_findings(&file, &loaded.text, warnings, Severity::Warning);
        let counts = [
            (cluster.nodes.len(), "node", "nodes"),
            (cluster.pools.len(), "pool", "pools"),
            (cluster.people.len(), "person", "people"),
        ]
        .map(|(n, one, many)| format!("{n} {}", if n == 1 { one } else { many }))
        .join(", ");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {counts}\n\nproven", cluster.cluster.name);
        for done in &rendered.done {
            let _ = writeln!(text, "  {}", done.proves);
        }
        let _ = writeln!(text, "\nrendered");
        for done in &rendered.done {
            let _ = writeln!(
                text,
                "  {:<28}{:>6} files{:>8} ms",
                done.generator,
                done.files,
                done.took.as_millis()
            );
        }
        let (verb, place) = match out {
            Some(out) => ("written", format!(" to {}", out.display())),
            None => ("checked, none written", String::new()),
        };
        let _ = writeln!(
            text,
            "\n{} files, {}, {verb}{place} in {:.2} s, {} warnings",
            rendered.files.len(),
            size(bytes),
            took.as_secs_f64(),
            warnings.len()
        );
        if let Some(out) = out {
            let _ = writeln!(text, "Look at {}", out.join(REPORT).display());
        }
        let json = json!({
            "ok": true,
            "cluster": cluster.cluster.name,
            "nodes": cluster.nodes.len(),
            "pools": cluster.pools.len(),
            "people": cluster.people.len(),
            "out": out.map(|out| out.display().to_string()),
            "files": rendered.files.len(),
            "bytes": bytes,
            "generators": rendered.done.iter().map(|done| json!({
                "name": done.generator,
                "files": done.files,
                "proves": done.proves,
                "seconds": done.took.as_secs_f64(),
            })).collect::<Vec<_>>(),
            "warnings": warnings,
            "seconds": took.as_secs_f64(),
        });
        Self { text, json }
    }

    /// The summary as text or as one JSON document.
    pub fn show(&self, as_json: bool) -> String {
        if as_json { format!("{:#}\n", self.json) } else { self.text.clone() }
    }
}

/// Bytes in the unit that leaves one to three digits.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
