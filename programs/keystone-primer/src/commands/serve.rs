//! `keystone-primer serve`

use serde_json::Value;

use super::Said;
use super::client::Client;
use crate::cli::Serve;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Serve) -> Result<Said, Refusal> {
    crate::serve::run(client.config.clone(), arguments.inherited)?;
    Ok(Said::new(Value::Null, String::new()))
}
