//! `keystone-gen-oidc`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    keystone_generator::run(&keystone_gen_oidc::Oidc)
}
