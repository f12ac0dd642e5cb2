//! `keystone-gen-kubeconfig`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    keystone_generator::run(&keystone_gen_kubeconfig::Kubeconfig)
}
