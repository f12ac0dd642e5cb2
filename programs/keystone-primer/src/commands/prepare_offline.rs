//! `keystone-primer prepare-offline`

use std::fmt::Write as _;
use std::process::{Command as Process, Stdio};

use serde_json::{Value, json};

use super::client::Client;
use super::{Said, beside, field, lab_mark, secret, verify_handoff};
use crate::cli::PrepareOffline;
use crate::control::Command;
use crate::offline::point;
use crate::refusal::Refusal;

/// What the module starts for it: the daemon is stopped, unless this machine coordinates the mesh.
const TARGET: &str = "keystone-primer-offline.target";

pub fn run(client: &Client, arguments: &PrepareOffline) -> Result<Said, Refusal> {
    let answer = client.ask(&Command::OfflinePoints)?;
    let mut points = answer["points"].as_array().cloned().unwrap_or_default();
    points.push(wake(client, arguments)?);
    points.extend(handoff(client, arguments));
    points.push(health(client, arguments));

    let open = points.iter().filter(|point| point["state"] == "open").count();
    let unknown = points.iter().filter(|point| point["state"] == "unknown").count();
    let ready = open == 0 && (unknown == 0 || arguments.accept_unknown);
    let lab = client.config.lab();
    let mut text = lab_mark(&json!({ "lab": lab })).to_owned();
    for point in &points {
        show(&mut text, point);
    }
    let mut document = json!({ "ok": ready, "lab": lab, "points": points, "open": open, "unknown": unknown });
    // Writing to a String cannot fail.
    if !ready {
        let _ = writeln!(
            text,
            "\nNot ready: {open} points are open, {unknown} are unknown. Nothing was changed."
        );
        if open == 0 {
            text.push_str(
                "  next: see to what is unknown, or say that it does not matter: --accept-unknown\n",
            );
        }
        return Ok(Said { json: document, text, bad: true });
    }
    if arguments.check {
        let _ = writeln!(text, "\nReady. Nothing was changed.");
        return Ok(Said::new(document, text));
    }
    let states: Vec<Value> =
        points.iter().map(|point| json!({ "what": point["what"], "state": point["state"] })).collect();
    client.ask(&Command::RecordOffline { details: json!({ "points": states }) })?;
    if client.installed {
        stop()?;
        text.push_str("\nThis primer is stopped, and the machine may be switched off:\n  shutdown -h now\n");
    } else {
        text.push_str("\nReady, and recorded. Stop the daemon: no system of ours runs it here.\n");
    }
    document["stopped"] = client.installed.into();
    Ok(Said::new(document, text))
}

fn show(text: &mut String, point: &Value) {
    let mark = match field(point, "state") {
        "done" => "[x]",
        "open" => "[ ]",
        "skipped" => "[-]",
        _ => "[?]",
    };
    let _ = write!(text, "{mark} {}", field(point, "what"));
    if let Some(why) = point["why"].as_str() {
        let _ = write!(text, ": {why}");
    }
    text.push('\n');
    if let Some(fix) = point["fix"].as_str() {
        let _ = writeln!(text, "      next: {fix}");
    }
}

/// The shares of this primer work, seen now.
fn wake(client: &Client, arguments: &PrepareOffline) -> Result<Value, Refusal> {
    let secret = secret::ask(client, arguments.opening)?;
    let what = "the shares of this primer work";
    let fix = "keystone-primer test-wake";
    Ok(match client.ask(&Command::TestWake { secret }) {
        Ok(found) if found["ok"].as_bool() == Some(true) => point(what, None, fix),
        Ok(_) => point(what, Some("one of them does not".to_owned()), fix),
        Err(refusal) => point(what, Some(refusal.message), fix),
    })
}

/// Everything that was issued lasts for long enough.
fn handoff(client: &Client, arguments: &PrepareOffline) -> Vec<Value> {
    let what = format!("nothing ends within {} days", arguments.at_least);
    let verify = "keystone-primer verify-handoff";
    let horizon = match verify_handoff::compute(client, &arguments.repository) {
        Ok(horizon) => horizon,
        Err(refusal) => {
            let fix = refusal.fix.unwrap_or_else(|| verify.to_owned());
            return vec![point(&what, Some(refusal.message), &fix)];
        }
    };
    let mut points: Vec<Value> = horizon
        .open
        .iter()
        .map(|open| point("what was issued is whole", Some(open.what.clone()), &open.fix))
        .collect();
    if points.is_empty() {
        points.push(point("what was issued is whole", None, verify));
    }
    let why = match horizon.first() {
        None => Some("nothing was issued yet".to_owned()),
        Some(item) => {
            let days = horizon.days_until(item.ends);
            (days < arguments.at_least)
                .then(|| format!("{} {} does, in {days} days", item.kind.as_str(), item.name))
        }
    };
    points.push(point(&what, why, "keystone-primer generate-credentials"));
    points
}

/// The operational nodes are well. Another program looks, the one that admins use too.
fn health(client: &Client, arguments: &PrepareOffline) -> Value {
    let what = "the cluster is healthy without the primers";
    if client.config.lab() {
        return json!({ "what": what, "state": "skipped", "why": "a lab has no cluster" });
    }
    if arguments.without_health {
        return json!({ "what": what, "state": "skipped", "why": "--without-health was given" });
    }
    let program = beside("keystone-cluster");
    let fix = "keystone-cluster health";
    let output = Process::new(&program)
        .args(["health", "--json", "--inventory"])
        .arg(&arguments.repository.inventory)
        .arg("--trust")
        .arg(&arguments.repository.trust)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match output {
        Err(error) => {
            json!({ "what": what, "state": "unknown", "why": format!("cannot run {}: {error}", program.display()), "fix": fix })
        }
        Ok(output) if output.status.success() => point(what, None, fix),
        Ok(output) => {
            let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let why = said["verdict"].as_str().unwrap_or("it is not").to_owned();
            point(what, Some(why), fix)
        }
    }
}

fn stop() -> Result<(), Refusal> {
    let failed = |reason: String| {
        Refusal::new(format!("{TARGET} did not start: {reason}"))
            .fix(format!("systemctl status {TARGET} keystone-primer-offline.service"))
    };
    let status = Process::new("systemctl")
        .args(["start", TARGET])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}
