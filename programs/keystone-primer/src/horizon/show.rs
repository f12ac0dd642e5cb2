//! The horizon for people, for programs, and for Prometheus.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Horizon, Item, Renewer};
use crate::clock;
use crate::refusal::Refusal;

/// Rows that people are shown, unless they ask for all.
const ROWS: usize = 12;

fn moment(item: &Item) -> String {
    clock::shown(u64::try_from(item.ends.unix()).unwrap_or_default())
}

impl Horizon {
    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let point = |item: Option<&Item>| {
            item.map(|item| json!({ "ends": item.ends.unix(), "kind": item.kind, "culprit": item.name, "days": self.days_until(item.ends) }))
        };
        json!({
            "cluster": self.cluster, "now": self.now.unix(), "horizon": point(self.first()),
            "renewing": point(self.renewing()), "items": self.items, "open": self.open,
        })
    }

    /// For people.
    #[must_use]
    pub fn text(&self, all: bool) -> String {
        let mut text = String::new();
        let mut point = |front: &str, item: Option<&Item>| {
            // Writing to a String cannot fail.
            let _ = match item {
                Some(item) => writeln!(
                    text,
                    "{front}{}, in {} days: {} {}",
                    moment(item),
                    self.days_until(item.ends),
                    item.kind.as_str(),
                    item.name
                ),
                None => writeln!(text, "{front}nothing is known that ends"),
            };
        };
        point("Autonomy horizon, if nobody renews anything:   ", self.first());
        point("With the control plane renewing what it can:   ", self.renewing());
        text.push('\n');
        let rows = if all { self.items.len() } else { ROWS };
        for item in self.items.iter().take(rows) {
            let by = match item.renewed_by {
                Renewer::Primers => "a quorum of primers",
                Renewer::ControlPlane => "the control plane",
                Renewer::Nobody => "nobody has to",
            };
            let _ = writeln!(text, "  {:<22}{:<14}{:<40}{by}", moment(item), item.kind.as_str(), item.name);
        }
        if self.items.len() > rows {
            let _ = writeln!(text, "  and {} that end later (--all)", self.items.len() - rows);
        }
        for open in &self.open {
            let _ = writeln!(text, "open: {}\n  next: {}", open.what, open.fix);
        }
        text
    }

    /// For Prometheus, as the node exporter's textfile collector reads it.
    #[must_use]
    pub fn metrics(&self) -> String {
        let cluster = escaped(&self.cluster);
        let mut text = String::from(
            "# HELP keystone_autonomy_horizon_timestamp_seconds When the first thing breaks while all primers are off.\n\
             # TYPE keystone_autonomy_horizon_timestamp_seconds gauge\n",
        );
        for (renewing, item) in [("nobody", self.first()), ("control-plane", self.renewing())] {
            if let Some(item) = item {
                let _ = writeln!(
                    text,
                    "keystone_autonomy_horizon_timestamp_seconds{{cluster=\"{cluster}\",renewing=\"{renewing}\",kind=\"{}\",culprit=\"{}\"}} {}",
                    item.kind.as_str(),
                    escaped(&item.name),
                    item.ends.unix()
                );
            }
        }
        text.push_str(
            "# HELP keystone_autonomy_open Points that are not as they have to be before the primers are switched off.\n\
             # TYPE keystone_autonomy_open gauge\n",
        );
        let _ = writeln!(text, "keystone_autonomy_open{{cluster=\"{cluster}\"}} {}", self.open.len());
        text.push_str(
            "# HELP keystone_ends_timestamp_seconds When something ends.\n\
             # TYPE keystone_ends_timestamp_seconds gauge\n",
        );
        for item in &self.items {
            let _ = writeln!(
                text,
                "keystone_ends_timestamp_seconds{{cluster=\"{cluster}\",kind=\"{}\",name=\"{}\"}} {}",
                item.kind.as_str(),
                escaped(&item.name),
                item.ends.unix()
            );
        }
        text
    }

    /// Writes the metrics whole or not at all: the collector reads whenever it likes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_metrics(&self, path: &Path) -> Result<(), Refusal> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The collector reads files that end in .prom.
        let unfinished = path.with_file_name(format!(".{name}.unfinished"));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&unfinished)?;
            file.write_all(self.metrics().as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, path)
        };
        write().map_err(|error| Refusal::file("write", path, &error))
    }
}

/// A value of a label, as the text format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
