//! What the tests of cases share: finding the folders, reading inputs, comparing texts.
#![allow(dead_code, reason = "each test program uses another part of this file")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keystone_gen_oidc::{Aws, Error, Input, Issuer, KeyState, Role, ServiceAccount};
use keystone_generator::Artifact;
use serde::Deserialize;
use snapbox::{Assert, Data};

/// `input.json` of a case. A key's PEM lies in `cases/keys`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CaseInput {
    issuer: String,
    #[serde(default = "cluster")]
    cluster: String,
    audience: Option<String>,
    keys: Vec<CaseKey>,
    aws: Option<Aws>,
    #[serde(default)]
    service_accounts: BTreeMap<Role, Vec<ServiceAccount>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseKey {
    name: String,
    state: KeyState,
    /// The text itself, where no file could hold it.
    pem: Option<String>,
}

fn cluster() -> String {
    "production".to_owned()
}

/// The folder `cases`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Calls `test` with the folder of each case below `cases/<of>`, and tells how many there were.
pub fn each(of: &str, mut test: impl FnMut(&Path)) -> usize {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(root().join(of)).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in &cases {
        test(case);
    }
    cases.len()
}

/// The input of a case, or why there is none.
pub fn read_input(case: &Path) -> Result<Input, Error> {
    let text = std::fs::read_to_string(case.join("input.json")).unwrap();
    let read: CaseInput =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    let issuer: Issuer = read.issuer.parse()?;
    let keys = read.keys.into_iter().map(|key| {
        let file = root().join("keys").join(format!("{}.pub", key.name));
        let pem = key.pem.unwrap_or_else(|| std::fs::read_to_string(file).unwrap());
        (key.name, key.state, pem)
    });
    let mut input = Input::new(issuer, &read.cluster, keys.collect());
    input.audience = read.audience.unwrap_or(input.audience);
    input.aws = read.aws;
    input.service_accounts = read.service_accounts;
    Ok(input)
}

/// What a case renders to.
pub fn try_render(case: &Path) -> Result<Vec<Artifact>, Error> {
    keystone_gen_oidc::render(&read_input(case)?)
}

/// The input of a case that renders.
pub fn base(case: &str) -> Input {
    read_input(&root().join("render").join(case)).unwrap()
}

/// Compares with a file, or writes it when `SNAPSHOTS=overwrite`.
pub fn same(text: &str, file: &Path) {
    let expected = Data::read_from(file, Some(snapbox::data::DataFormat::Text)).raw();
    Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(Data::text(text).raw(), expected);
}
