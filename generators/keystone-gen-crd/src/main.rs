//! Renders the CRDs of the API group `keystone.systems`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keystone_generator::run(&keystone_gen_crd::Crd)
}
