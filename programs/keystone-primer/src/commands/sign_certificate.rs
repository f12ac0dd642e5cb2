//! `keystone-primer sign-certificate`

use std::fs;
use std::path::Path;

use keystone_pki::request::Request;
use serde_json::{Value, json};

use super::client::Client;
use super::{Said, lab_mark, secret};
use crate::cli::SignCertificate;
use crate::control::Command;
use crate::refusal::Refusal;
use crate::signing::{nonce, not_before};

pub fn run(client: &Client, arguments: &SignCertificate) -> Result<Said, Refusal> {
    let path = &arguments.csr;
    let csr = fs::read(path).map_err(|error| {
        Refusal::file("read", path, &error).fix("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout KEY -out CSR -subj /")
    })?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let holder = arguments.host.clone().unwrap_or(stem);
    let out = arguments.out.clone().unwrap_or_else(|| path.with_extension("crt"));
    let request = Request::Leaf {
        profile: arguments.profile.clone(),
        holder: holder.clone(),
        csr,
        not_before: not_before(),
        nonce: nonce()?,
    };
    let secret = secret::ask(client, arguments.opening)?;
    let reason = format!("sign-certificate for {holder}");
    let done = client.ask(&Command::Sign {
        generation: None,
        requests: vec![request],
        reason,
        secret: Some(secret),
    })?;
    let pem = done["certificates"][0].as_str().unwrap_or_default();
    write(&out, pem)?;
    let summary = done["summaries"][0].as_str().unwrap_or_default();
    let text = format!("{}{summary}\n\nwritten to {}\n", lab_mark(&done), out.display());
    let json: Value =
        json!({ "ok": true, "out": out.display().to_string(), "certificate": pem, "lab": done["lab"] });
    Ok(Said::new(json, text))
}

fn write(path: &Path, text: &str) -> Result<(), Refusal> {
    fs::write(path, text).map_err(|error| Refusal::file("write", path, &error))
}
