//! Reads, judges and evaluates policies of Headscale 0.29.
//!
//! The reader knows Headscale's grammar (HuJSON, the forms of users, groups, tags, hosts, ports and protocols) and
//! its semantics (which addresses an alias stands for, what a rule opens), and nothing of any inventory. So what it
//! finds in a rendered policy can be held against what the inventory means.
//!
//! - [`check`] judges a text alone, without users or machines, and accepts what Headscale would load.
//! - [`Policy::parse`] gives the typed policy.
//! - [`reach::Matrix::compute`] tells who reaches whom, on classes of members that no rule tells apart.

mod alias;
mod json;
mod judge;
mod place;
mod policy;
mod port;
pub mod reach;
mod read;
mod report;
mod warn;

pub use alias::{Alias, Autogroup};
pub use policy::{
    Acl, AutoApprovers, Destination, Grant, NodeAttr, Policy, ProtocolPorts, SshAction, SshRule, SshTest,
    Test,
};
pub use port::{PortRange, Protocol};
pub use report::{Finding, Report};

use place::Problems;

/// Judges a policy as Headscale 0.29 does when it loads one: text alone, without users or machines.
#[must_use]
pub fn check(text: &str) -> Report {
    match load(text) {
        (Some(policy), problems) => {
            let warnings = warn::warnings(&policy);
            problems.into_report(text, warnings)
        }
        (None, problems) => problems.into_report(text, Problems::default()),
    }
}

impl Policy {
    /// Reads a policy that Headscale would load.
    ///
    /// # Errors
    /// The report of [`check`] with every reason why it would not.
    pub fn parse(text: &str) -> Result<Self, Report> {
        match load(text) {
            (Some(policy), problems) if problems.is_empty() => Ok(policy),
            _ => Err(check(text)),
        }
    }
}

/// The policy as far as its types fit, and everything that Headscale would refuse.
fn load(text: &str) -> (Option<Policy>, Problems) {
    let mut problems = Problems::default();
    // Headscale takes an empty file for «no policy», and no policy allows everything.
    if text.is_empty() {
        return (Some(Policy::default()), problems);
    }
    let value = match json::parse(text) {
        Ok(value) => value,
        Err(problem) => {
            problems.push_at(problem.offset, String::new(), problem.message);
            return (None, problems);
        }
    };
    let policy = read::policy(&value, &mut problems);
    // Rules about references would only repeat what a name that could not be read has caused.
    if problems.is_empty() {
        judge::judge(&policy, &mut problems);
    }
    (Some(policy), problems)
}
