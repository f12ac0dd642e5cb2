//! `keystone-primer`: what people do on a primer, and what it does itself.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    keystone_primer::run(std::env::args_os())
}
