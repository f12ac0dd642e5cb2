//! Moving the coordinator: a plan that is shown, journaled and executed step by step on the nodes, and resumed by running
//! the same command again.

mod error;
mod execute;
mod hosts;
mod journal;
mod overview;
mod plan;
mod report;
mod survey;

use std::env;
use std::path::{Path, PathBuf};

use keystone_generator::Input;
use keystone_model::Cluster;

pub use error::HandoffError;
pub use overview::overview;
pub use report::Report;

use crate::cli::{Common, Handoff, Takeover};
use crate::refusal::Refusal;
use execute::execute;
use hosts::Hosts;
use journal::Journal;
use plan::Kind;
use survey::Survey;

/// What both commands are told.
struct Order<'a> {
    kind: Kind,
    to: &'a str,
    from: Option<&'a str>,
    common: &'a Common,
    journal: Option<&'a PathBuf>,
    dns_command: Option<&'a Path>,
    abort: bool,
    dry_run: bool,
}

/// `mesh handoff`
pub fn handoff(arguments: &Handoff) -> Result<Report, Refusal> {
    carry_out(&Order {
        kind: Kind::Handoff,
        to: &arguments.to,
        from: arguments.from.as_deref(),
        common: &arguments.common,
        journal: arguments.journal.as_ref(),
        dns_command: arguments.dns_command.as_deref(),
        abort: arguments.abort,
        dry_run: arguments.dry_run,
    })
}

/// `mesh takeover`
pub fn takeover(arguments: &Takeover) -> Result<Report, Refusal> {
    carry_out(&Order {
        kind: Kind::Takeover,
        to: &arguments.to,
        from: None,
        common: &arguments.common,
        journal: arguments.journal.as_ref(),
        dns_command: arguments.dns_command.as_deref(),
        abort: false,
        dry_run: arguments.dry_run,
    })
}

fn carry_out(order: &Order<'_>) -> Result<Report, Refusal> {
    let input = Input { inventory: order.common.inventory.clone(), trust: None };
    let (inventory, _) = input.inventory()?;
    let cluster = &inventory.cluster;
    let hosts = Hosts::new(cluster, order.common.local)?;
    hosts.candidate(order.to)?;
    let path = match order.journal {
        Some(path) => path.clone(),
        None => default_journal(cluster)?,
    };
    Ok(run(order, cluster, &hosts, &path)?)
}

fn run(order: &Order<'_>, cluster: &Cluster, hosts: &Hosts, path: &Path) -> Result<Report, HandoffError> {
    let mut journal = if order.dry_run { Journal::look(path)? } else { Journal::open(path)? };
    let (plan, resumed) = match journal.plan() {
        Some(plan) if plan.to != order.to || plan.kind != order.kind => {
            return Err(HandoffError::OtherUnderWay {
                kind: plan.kind,
                to: plan.to.clone(),
                path: path.to_owned(),
            });
        }
        Some(plan) => (plan.clone(), true),
        None => {
            let survey = Survey::of(hosts);
            match plan::plan(order.kind, order.to, order.from, cluster, &survey)? {
                Some(plan) => (plan, false),
                None => return Ok(Report::nothing(order.to, order.abort)),
            }
        }
    };
    if order.dry_run {
        return Ok(Report::dry(&plan, &journal, hosts));
    }
    if order.abort {
        execute::abort(&plan, &mut journal, hosts)?;
        return Ok(Report::aborted(&plan));
    }
    if !resumed {
        journal.begin(&plan)?;
    }
    let told = order.common.json;
    let outcome = execute(&plan, &mut journal, hosts, order.dns_command, |line| {
        if !told {
            eprintln!("{line}");
        }
    })?;
    Ok(Report::done(&plan, resumed, &outcome))
}

/// One journal for each cluster: two moves at once are one too many.
fn default_journal(cluster: &Cluster) -> Result<PathBuf, HandoffError> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".local/state")))
        .ok_or(HandoffError::NoHome)?;
    Ok(state.join("keystone").join(format!("handoff-{}.journal", cluster.cluster.name)))
}
