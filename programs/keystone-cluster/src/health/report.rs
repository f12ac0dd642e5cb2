//! What was found, for people and for programs.

use std::fmt::Write as _;
use std::process::ExitCode;

use keystone_pki::certificate::Time;
use serde::Serialize;
use serde_json::json;

/// How something is. Later ones are worse, and the worst of an area is the area's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was seen, and it is well.
    Healthy,
    /// It was not seen.
    Unknown,
    /// It was seen, and it is not well.
    Unhealthy,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// 0 healthy, 1 unhealthy, 3 unknown; 2 is the command line's.
    pub fn exit(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Healthy => 0,
            Self::Unhealthy => 1,
            Self::Unknown => 3,
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    pub what: String,
    pub state: State,
    /// What was seen, or why nothing was.
    pub detail: String,
    /// The next command, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Point {
    pub fn healthy(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Healthy, detail: detail.into(), fix: None }
    }

    pub fn unknown(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Unknown, detail: why.into(), fix: None }
    }

    pub fn unhealthy(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Unhealthy, detail: why.into(), fix: None }
    }

    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// Things that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    pub name: &'static str,
    pub points: Vec<Point>,
}

impl Area {
    pub fn new(name: &'static str, points: Vec<Point>) -> Self {
        Self { name, points }
    }

    fn state(&self) -> State {
        self.points.iter().map(|point| point.state).max().unwrap_or(State::Unknown)
    }
}

/// Everything that was found.
pub struct Report {
    cluster: String,
    at: Time,
    areas: Vec<Area>,
}

impl Report {
    pub fn new(cluster: String, at: Time, areas: Vec<Area>) -> Self {
        Self { cluster, at, areas }
    }

    /// That of the worst area.
    pub fn state(&self) -> State {
        self.areas.iter().map(Area::state).max().unwrap_or(State::Unknown)
    }

    fn verdict(&self) -> String {
        let of = |state: State| -> Vec<&str> {
            self.areas.iter().filter(|area| area.state() == state).map(|area| area.name).collect()
        };
        let mut parts = Vec::new();
        for state in [State::Unhealthy, State::Unknown] {
            let areas = of(state);
            if !areas.is_empty() {
                parts.push(format!("{}: {}", state.as_str(), areas.join(", ")));
            }
        }
        if parts.is_empty() { "everything is healthy".to_owned() } else { parts.join("; ") }
    }

    pub fn json(&self) -> String {
        let areas: Vec<_> = self
            .areas
            .iter()
            .map(|area| json!({ "name": area.name, "state": area.state(), "points": area.points }))
            .collect();
        let document = json!({
            "ok": self.state() == State::Healthy, "state": self.state(), "verdict": self.verdict(),
            "cluster": self.cluster, "at": self.at.unix(), "areas": areas,
        });
        format!("{document:#}\n")
    }

    pub fn text(&self) -> String {
        let mut text = format!("Cluster {}, at {}\n", self.cluster, self.at);
        for area in &self.areas {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n{:<14}{}", area.name, area.state().as_str());
            for point in &area.points {
                let _ = writeln!(text, "  {:<11}{}: {}", point.state.as_str(), point.what, point.detail);
                if let Some(fix) = &point.fix {
                    let _ = writeln!(text, "             next: {fix}");
                }
            }
        }
        let verdict = self.verdict();
        let mut letters = verdict.chars();
        let first = letters.next().map(char::to_uppercase).into_iter().flatten();
        let _ = writeln!(text, "\n{}{}.", first.collect::<String>(), letters.as_str());
        text
    }
}
