//! Why nothing was done, for people and for machines.

use std::path::PathBuf;
use std::process::ExitCode;

use keystone_generator::{InputError, show_findings};
use keystone_model::Severity;
use serde_json::{Value, json};
use thiserror::Error;

use crate::certificates::CertificatesError;
use crate::enroll::EnrollError;
use crate::handoff::HandoffError;
use crate::output::OutputError;

#[derive(Debug, Error)]
pub enum Refusal {
    #[error(transparent)]
    Input(#[from] InputError),
    /// A generator cannot render, or its own reading refuses what it rendered.
    #[error("{generator}: {message}")]
    Generator { generator: &'static str, message: String },
    /// Two generators wrote one path.
    #[error("`{path}` is rendered by two generators; this is a mistake in keystone-cluster")]
    SamePath { path: String },
    #[error("cannot draw the report: {0}")]
    Report(String),
    #[error("cannot describe `{path}` in the manifest: {reason}")]
    Manifest { path: String, reason: String },
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    #[error(transparent)]
    Handoff(#[from] HandoffError),
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
}

impl Refusal {
    /// Says it, on standard error or as JSON on standard output.
    pub fn show(&self, as_json: bool) -> ExitCode {
        if as_json {
            println!("{:#}", self.to_json());
            return ExitCode::FAILURE;
        }
        match self {
            Self::Input(InputError::Inventory { path, text, errors }) => {
                eprint!("{}", show_findings(&path.display().to_string(), text, errors, Severity::Error));
            }
            Self::Input(InputError::Trust { errors, .. }) => {
                for error in errors {
                    eprintln!("error: {error}");
                }
            }
            // What was done is in the journal, and in the message; or it is not known that nothing was.
            Self::Handoff(_) | Self::Certificates(_) => {
                eprintln!("error: {self}");
                return ExitCode::FAILURE;
            }
            _ => {}
        }
        eprintln!("error: {self}; nothing was written");
        ExitCode::FAILURE
    }

    fn to_json(&self) -> Value {
        let file = |path: &PathBuf| path.display().to_string();
        let errors: Vec<Value> = match self {
            Self::Input(InputError::Inventory { path, errors, .. }) => errors
                .iter()
                .map(|e| {
                    json!({
                        "file": file(path), "line": e.line, "column": e.column, "path": e.path,
                        "message": e.message, "fix": e.fix,
                    })
                })
                .collect(),
            Self::Input(InputError::Trust { path, errors }) => errors
                .iter()
                .map(|error| json!({ "file": file(path), "message": error.to_string() }))
                .collect(),
            other => vec![json!({ "message": other.to_string() })],
        };
        json!({ "ok": false, "errors": errors })
    }
}
