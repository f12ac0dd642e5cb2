//! `keystone-cluster secrets`

mod editor;
mod show;
mod terminal;

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use keystone_secrets::overview::overview;
use keystone_secrets::rekey::{Which, rekey};
use keystone_secrets::revoke::{add_admin, revoke};
use keystone_secrets::rotate::rotate;
use keystone_secrets::verify::verify;
use keystone_secrets::work::{Outcome, Work};
use keystone_secrets::{
    Error, NOT_LOCKED, Plain, Resumed, Tree, adopt, locked_all, resume, unfinished, value,
};
use serde_json::json;

use super::print;
use crate::cli::{Secrets, SecretsCommand, SecretsCommon};
use terminal::Terminal;

pub fn run(arguments: &Secrets) -> ExitCode {
    match act(&arguments.command, &arguments.common) {
        Ok(code) => code,
        Err(error) => {
            if arguments.common.json {
                println!("{:#}", json!({ "ok": false, "errors": [{ "message": error.to_string() }] }));
            } else {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn act(command: &SecretsCommand, common: &SecretsCommon) -> Result<ExitCode, Error> {
    let settings = common.settings();
    if let SecretsCommand::Resume = command {
        return resumed(&Tree::at(&settings.root, &settings.inventory)?, common);
    }
    let work = Work::begin(settings, &Terminal)?;
    match command {
        SecretsCommand::List => Ok(show::list(&overview(&work)?, common.json)),
        SecretsCommand::Status => Ok(show::status(&overview(&work)?, &verify(&work, false)?, common.json)),
        SecretsCommand::Audit => Ok(show::audit(&overview(&work)?, common.json)),
        SecretsCommand::Verify { require_signed } => {
            Ok(show::verdict(&verify(&work, *require_signed)?, common.json))
        }
        SecretsCommand::Show { name } => shown(&value::show(&work, name)?, common.json),
        SecretsCommand::Edit { name } => {
            let lock = common.require_mlock;
            Ok(outcome(&value::edit(&work, name, |old| new_value(name, old, lock))?, common))
        }
        SecretsCommand::Rekey { all } => {
            Ok(outcome(&rekey(&work, if *all { Which::All } else { Which::Stale })?, common))
        }
        SecretsCommand::Adopt => Ok(outcome(&adopt::adopt(&work)?, common)),
        SecretsCommand::AddAdmin { name, keys, email } => {
            Ok(outcome(&add_admin(&work, name, email, keys)?, common))
        }
        SecretsCommand::Revoke { name } => Ok(outcome(&revoke(&work, name)?, common)),
        SecretsCommand::Rotate { names, all } => Ok(outcome(&rotate(&work, names, *all)?, common)),
        SecretsCommand::Resume => Ok(ExitCode::SUCCESS),
    }
}

fn resumed(tree: &Tree, common: &SecretsCommon) -> Result<ExitCode, Error> {
    if common.dry_run {
        let (is, said) =
            (unfinished(tree), "a change was interrupted, and `resume` would bring it to its end");
        let said = if is { said } else { "no change was interrupted" };
        let text = if common.json {
            format!("{:#}\n", json!({ "ok": true, "dryRun": true, "unfinished": is }))
        } else {
            format!("{said}\n")
        };
        return Ok(print(&text));
    }
    let (word, said) = match resume(tree)? {
        Resumed::Nothing => ("nothing", "no change was interrupted"),
        Resumed::AllOld => ("all-old", "the interrupted change is undone: every file is as it was before"),
        Resumed::AllNew => ("all-new", "the interrupted change is done: every file is new"),
    };
    let text = if common.json {
        format!("{:#}\n", json!({ "ok": true, "files": word }))
    } else {
        format!("{said}\n")
    };
    Ok(print(&text))
}

fn shown(plain: &Plain, as_json: bool) -> Result<ExitCode, Error> {
    if as_json {
        return Err(Error::Refused("a secret is bytes, and no JSON; leave out `--json`".to_owned()));
    }
    if !locked_all() {
        eprintln!("{NOT_LOCKED}");
    }
    match io::stdout().write_all(plain.bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Refused(format!("cannot write the output: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The longest value that is taken from a pipe.
const MOST: usize = 1024 * 1024;

fn new_value(name: &str, old: Option<&Plain>, require_lock: bool) -> Result<Option<Plain>, Error> {
    if io::stdin().is_terminal() {
        return editor::edit(name, old, require_lock);
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(MOST + 1));
    let read = io::stdin().take(u64::try_from(MOST).unwrap_or(u64::MAX) + 1).read_to_end(&mut bytes);
    let failed = |reason: &str| Error::Refused(format!("cannot take {name} from standard input: {reason}"));
    read.map_err(|error| failed(&error.to_string()))?;
    match bytes.len() {
        0 => Err(failed("it is empty")),
        more if more > MOST => Err(failed("it has more than 1 MiB")),
        _ => Plain::of(&bytes, require_lock).map(Some),
    }
}

fn outcome(outcome: &Outcome, common: &SecretsCommon) -> ExitCode {
    let printed = print(&show::outcome(outcome, common.json));
    if outcome.ok { printed } else { ExitCode::FAILURE }
}
