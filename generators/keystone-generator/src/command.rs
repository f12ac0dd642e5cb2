//! The command line of a generator.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, ValueEnum};
use keystone_model::Severity;

use crate::Generator;
use crate::artifact::{self, Artifact};
use crate::input::{Input, InputError};
use crate::picture::show_findings;

/// What to do with what was rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Write the files.
    Write,
    /// Compare with the files that are there, and write nothing.
    Check,
    /// Write the files' text to standard output.
    Print,
}

/// What a program can tell of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// Completions for bash.
    Bash,
    /// Completions for fish.
    Fish,
    /// Completions for zsh.
    Zsh,
    /// The manual page.
    Man,
}

/// Arguments of every generator.
#[derive(Debug, Args)]
pub struct Common {
    /// The inventory, as TOML or, with the ending .json, as JSON
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Folder with public material [default: `trust` beside the inventory]
    #[arg(long, value_name = "DIR")]
    pub trust: Option<PathBuf>,
    /// Folder to write to or to compare with; with --only, the file
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Only this one of the rendered files
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// What to do with what was rendered
    #[arg(long, value_enum, default_value = "print")]
    pub mode: Mode,
    /// Print shell completions or the manual page, and nothing else
    #[arg(long, value_enum, exclusive = true)]
    pub generate: Option<Generate>,
}

#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Plain {
    #[command(flatten)]
    common: Common,
}

/// Said at the end of every generator's `--help`.
const EXIT_CODES: &str = "Exit codes: 0 done, or nothing differs; 1 the input is wrong, or a file differs (the message \
                          is the command that mends it); 2 the command line is wrong.";

/// Runs a generator that has no arguments of its own.
pub fn run<G: Generator>(generator: &G) -> ExitCode {
    let command = Plain::command().name(G::NAME).about(G::ABOUT);
    let matches = command.clone().get_matches();
    let plain = match <Plain as clap::FromArgMatches>::from_arg_matches(&matches) {
        Ok(plain) => plain,
        Err(error) => error.exit(),
    };
    match plain.common.generate {
        Some(what) => document(command, what),
        None => execute(generator, &plain.common),
    }
}

/// Prints completions or the manual page of a command.
#[must_use]
pub fn document(mut command: clap::Command, what: Generate) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    let shell = match what {
        Generate::Bash => Some(clap_complete::Shell::Bash),
        Generate::Fish => Some(clap_complete::Shell::Fish),
        Generate::Zsh => Some(clap_complete::Shell::Zsh),
        Generate::Man => None,
    };
    match shell {
        Some(shell) => clap_complete::generate(shell, &mut command, name, &mut text),
        None => {
            if let Err(error) = clap_mangen::Man::new(command).render(&mut text) {
                return fail(&error.to_string());
            }
        }
    }
    print(&text)
}

/// Runs a generator with arguments that are read already.
pub fn execute<G: Generator>(generator: &G, arguments: &Common) -> ExitCode {
    let Some(inventory) = arguments.input.clone() else {
        return misused("--input FILE is missing");
    };
    let input = Input { inventory, trust: arguments.trust.clone() };
    let loaded = match input.load() {
        Ok(loaded) => loaded,
        Err(error) => return explain(&error),
    };
    let cluster = &loaded.inventory.cluster;
    let file = input.inventory.display().to_string();
    eprint!("{}", show_findings(&file, &loaded.text, &loaded.inventory.warnings, Severity::Warning));
    let artifacts = match generator.render(cluster, &loaded.trust) {
        Ok(artifacts) => artifacts,
        Err(error) => return fail(&error.to_string()),
    };
    if let Err(error) = generator.verify(&artifacts) {
        return fail(&format!("what was rendered would be refused: {error}"));
    }
    let artifacts = match select(artifacts, arguments.only.as_deref()) {
        Ok(artifacts) => artifacts,
        Err(error) => return misused(&error),
    };
    match (arguments.mode, &arguments.out) {
        (Mode::Print, _) => print_all(&artifacts),
        (mode, Some(out)) => to_disk::<G>(&input, mode, out, arguments.only.as_deref(), &artifacts),
        (_, None) => misused("--mode write and --mode check need --out PATH"),
    }
}

fn select(artifacts: Vec<Artifact>, only: Option<&str>) -> Result<Vec<Artifact>, String> {
    let Some(only) = only else { return Ok(artifacts) };
    let names: Vec<String> = artifacts.iter().map(|a| format!("`{}`", a.path)).collect();
    let found: Vec<Artifact> = artifacts.into_iter().filter(|a| a.path == only).collect();
    if found.is_empty() {
        return Err(format!("no file named `{only}` is rendered; there are {}", names.join(", ")));
    }
    Ok(found)
}

fn to_disk<G: Generator>(
    input: &Input,
    mode: Mode,
    out: &Path,
    only: Option<&str>,
    artifacts: &[Artifact],
) -> ExitCode {
    // With --only the path is that of the file itself.
    let (folder, artifacts) = match (only, out.file_name()) {
        (Some(_), Some(name)) => {
            let renamed: Vec<Artifact> =
                artifacts.iter().map(|a| Artifact::new(name.to_string_lossy(), a.contents.clone())).collect();
            (out.parent().unwrap_or(Path::new("")).to_owned(), renamed)
        }
        _ => (out.to_owned(), artifacts.to_vec()),
    };
    if mode == Mode::Write {
        return match artifact::write_all(&folder, &artifacts) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        };
    }
    let differences = artifact::compare(&folder, &artifacts);
    if differences.is_empty() {
        return ExitCode::SUCCESS;
    }
    for difference in &differences {
        eprintln!("error: {difference}");
    }
    let mut mend = format!("{} --input {}", G::NAME, in_shell(&input.inventory));
    if let Some(trust) = &input.trust {
        mend = format!("{mend} --trust {}", in_shell(trust));
    }
    if let Some(only) = only {
        mend = format!("{mend} --only {}", in_shell(Path::new(only)));
    }
    eprintln!("Write anew with:\n  {mend} --out {} --mode write", in_shell(out));
    ExitCode::FAILURE
}

/// The path as a shell reads it: the command is made to be copied.
fn in_shell(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+=:@,%".contains(&b);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn print_all(artifacts: &[Artifact]) -> ExitCode {
    let mut text = Vec::new();
    for artifact in artifacts {
        if artifacts.len() > 1 {
            text.extend(format!("==> {} <==\n", artifact.path).bytes());
        }
        text.extend(artifact.contents.bytes());
    }
    print(&text)
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
fn print(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(&format!("cannot write the output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

/// Says what is wrong with the command line, as clap does.
fn misused(message: &str) -> ExitCode {
    eprintln!("error: {message}\n\nFor more information, try '--help'.");
    ExitCode::from(2)
}

/// Says why there is no input.
fn explain(error: &InputError) -> ExitCode {
    match error {
        InputError::Inventory { path, text, errors } => {
            eprint!("{}", show_findings(&path.display().to_string(), text, errors, Severity::Error));
        }
        InputError::Trust { errors, .. } => {
            for error in errors {
                eprintln!("error: {error}");
            }
        }
        InputError::ReadInventory { .. } | InputError::ReadTrust { .. } => {}
    }
    fail(&error.to_string())
}
