//! The mesh: its coordinator answers, and this machine is in it.

use std::io;
use std::process::{Command, Stdio};

use serde::Deserialize;

use keystone_primer::ask::{Anchor, Fault};

use super::View;
use super::report::{Area, Point, State};

pub fn look(view: &View) -> Area {
    let coordinator = coordinator(view);
    let here = here(coordinator.state);
    Area::new("mesh", vec![coordinator, here])
}

fn coordinator(view: &View) -> Point {
    let url = &view.cluster.mesh.url;
    let what = format!("coordinator {url}");
    let fix = "keystone-cluster mesh status";
    let path = format!("{}/health", url.path());
    match view.asker.ask((url.host().as_str(), url.port()), Anchor::RootOrPublic, &[], ("GET", &path, "")) {
        Ok(answer) if answer.status == 200 && answer.body.contains("pass") => {
            Point::healthy(what, "it answers")
        }
        Ok(answer) => Point::unhealthy(what, format!("it answers with status {}", answer.status)).fix(fix),
        Err(Fault::Unseen(why)) => Point::unknown(what, why).fix(fix),
        Err(Fault::Wrong(why)) => Point::unhealthy(what, why).fix(fix),
    }
}

/// What `tailscale status --json` says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    backend_state: String,
    #[serde(default)]
    health: Option<Vec<String>>,
    #[serde(default, rename = "Self")]
    own: Own,
}

/// What it says of its own machine.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Own {
    /// Whether the coordinator sends it what changes (`GetInPollNetMap` in ipnlocal). Without that it goes on with what it
    /// remembers, and its state is `Running` all the same.
    online: Option<bool>,
}

fn here(coordinator: State) -> Point {
    let what = "this machine in the mesh";
    let output = Command::new("tailscale").args(["status", "--json"]).stdin(Stdio::null()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Point::unknown(what, "there is no tailscale here").fix("run it on a node of the cluster");
        }
        Err(error) => return Point::unknown(what, format!("cannot run tailscale: {error}")),
    };
    let Ok(status) = serde_json::from_slice::<Status>(&output.stdout) else {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or("it says nothing");
        return Point::unknown(what, format!("tailscale: {first}")).fix("systemctl status tailscaled");
    };
    let complaints = status.health.unwrap_or_default();
    if status.backend_state != "Running" {
        return Point::unhealthy(what, format!("its state is {}", status.backend_state))
            .fix("systemctl status keystone-mesh-join");
    }
    if !complaints.is_empty() {
        return Point::unhealthy(what, complaints.join("; ")).fix("tailscale status");
    }
    match (status.own.online, coordinator) {
        (Some(false), State::Healthy) => Point::unhealthy(
            what,
            "the coordinator answers, and not to this machine, which goes on with the peers that it remembers",
        )
        .fix("journalctl -u tailscaled; if that says `node not found`: docs/how-to/mend-the-mesh.md"),
        (Some(false), _) => {
            Point::unknown(what, "joined; it hears nothing new, and goes on with the peers that it remembers")
        }
        _ => Point::healthy(what, "joined"),
    }
}
