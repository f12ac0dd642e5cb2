//! Whoever is at the terminal.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use age::secrecy::SecretString;
use keystone_secrets::Ask;

pub struct Terminal;

fn ask(question: &str) -> Option<SecretString> {
    if !io::stderr().is_terminal() {
        return None;
    }
    rpassword::prompt_password(format!("{question}: ")).ok().map(SecretString::from)
}

impl Ask for Terminal {
    fn passphrase(&self, file: &Path) -> Option<SecretString> {
        ask(&format!("Passphrase of {}", file.display()))
    }

    fn tell(&self, message: &str) {
        eprintln!("{message}");
    }

    fn answer(&self, question: &str) -> Option<SecretString> {
        ask(question)
    }
}
