//! The way to the running primer, or, while none runs, to its state folder.

use std::path::Path;

use serde_json::Value;

use crate::config::Config;
use crate::control::{self, Command};
use crate::primer::Primer;
use crate::refusal::Refusal;

pub struct Client {
    pub config: Config,
    /// Whether the system runs this primer: its configuration is where the module writes it.
    pub installed: bool,
}

impl Client {
    pub fn new(config: Option<&Path>) -> Result<Self, Refusal> {
        let installed = config.is_none() && std::env::var_os(crate::config::VARIABLE).is_none();
        Ok(Self { config: Config::load(config)?, installed })
    }

    /// Asks the running primer; notes go to standard error.
    pub fn ask(&self, command: &Command) -> Result<Value, Refusal> {
        match control::connect(&self.config.socket())? {
            Some(mut stream) => control::ask(&mut stream, command, &|text| eprintln!("{text}")),
            None => Err(Refusal::new(format!(
                "no primer runs here: nobody answers on `{}`",
                self.config.socket().display()
            ))
            .fix("systemctl start keystone-primer (or keystone-primer serve)")),
        }
    }

    /// The same, for what also works while no primer runs.
    pub fn ask_or_do(&self, command: &Command) -> Result<Value, Refusal> {
        if let Some(mut stream) = control::connect(&self.config.socket())? {
            return control::ask(&mut stream, command, &|text| eprintln!("{text}"));
        }
        crate::serve::hide_memory()?;
        Primer::open(self.config.clone())?.execute(command.clone(), &|text| eprintln!("{text}"))
    }
}
