//! Asks Headscale's own engine: `conformance JUDGE COUNT [FOLDER]`.
//!
//! JUDGE is the program of `checks/conformance/policy`. It is asked about
//!
//! - COUNT policies, sound and broken, each with a small random cluster, and with FOLDER about every `*.hujson` below
//!   it (verdict only): `keystone-policy` must read them as Headscale does;
//! - the policies that `keystone-gen-acl` writes for the reference cluster, for the inventories of its tests and for a
//!   random cluster for every thirty of COUNT: they must open what the inventory means, from every machine to every other
//!   by every transport in both versions of IP, and nothing else;
//! - the policy of the reference cluster with one line broken, line by line, in every way that there is: what that
//!   opens or closes must show.
//!
//! Prints each difference and a last line `N passed, N failed, 0 skipped`.

mod broken;
mod clusters;
mod engine;
mod random;
mod texts;
mod writer;

use std::path::Path;
use std::process::ExitCode;

use engine::{Answer, Failure, Question, ask};
use texts::Text;

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, judge, count, folders @ ..] = arguments.as_slice() else {
        eprintln!("usage: conformance JUDGE COUNT [FOLDER]");
        return Ok(ExitCode::from(2));
    };
    let count: u64 = count.parse()?;
    let mut texts: Vec<Text> = (0..count).map(Text::generate).collect();
    for folder in folders {
        texts::collect(Path::new(folder), &mut texts)?;
    }
    let clusters = clusters::all(count / 30)?;
    let broken = broken::all(&clusters[0]);

    let mut cases: Vec<&dyn Case> = Vec::new();
    cases.extend(texts.iter().map(|text| text as &dyn Case));
    cases.extend(clusters.iter().map(|cluster| cluster as &dyn Case));
    cases.extend(broken.iter().map(|line| line as &dyn Case));
    let verdicts = ask(judge, cases.iter().map(|case| case.question()), |n, answer| Verdict {
        accepted: answer.accepted,
        wrong: cases[n].judge(answer).err(),
        shows: cases[n].shows(answer),
    })?;

    let mut failed = 0;
    for (case, verdict) in cases.iter().zip(&verdicts) {
        if let Some(why) = &verdict.wrong {
            failed += 1;
            println!("{}: {why}\n", case.name());
        }
    }
    let shows: Vec<bool> = verdicts[texts.len() + clusters.len()..].iter().map(|v| v.shows).collect();
    for line in broken::unseen(&broken, &shows) {
        failed += 1;
        println!("{line}: whatever is wrong with the line, Headscale opens what the inventory means\n");
    }
    let accepted = verdicts[..texts.len()].iter().filter(|verdict| verdict.accepted).count();
    println!("{accepted} of {} policies are accepted by Headscale", texts.len());
    println!("{} clusters, machine by machine", clusters.len());
    // What does not show is covered by another line: an admin reaches every port already.
    println!("{} broken lines, of which {} show", broken.len(), shows.iter().filter(|shows| **shows).count());
    println!("{} passed, {failed} failed, 0 skipped", cases.len().saturating_sub(failed));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Verdict {
    accepted: bool,
    wrong: Option<String>,
    shows: bool,
}

/// Something to ask about, and what must be answered.
trait Case {
    fn name(&self) -> &str;
    fn question(&self) -> &Question;
    fn judge(&self, answer: &Answer) -> Result<(), String>;
    /// Whether what is broken on purpose shows.
    fn shows(&self, _: &Answer) -> bool {
        false
    }
}
