# The whole Rust workspace, built once. Dependencies come from Cargo.lock, so there is no hash to keep.
{ lib, rustPlatform }:
rustPlatform.buildRustPackage {
  pname = "keystone";
  version = (lib.importTOML ../Cargo.toml).workspace.package.version;
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      # Of checks/rust.nix.
      ../clippy.toml
      ../rustfmt.toml
      ../generators
      ../programs
      # Tests render the reference cluster and compare.
      ../hosts/cluster.toml
      ../hosts/trust
      ../secrets
      ../secrets.nix
      ./secret-rules.nix
      ../checks/golden
      ../checks/fixtures
      ../docs/reference
      ../modules/cluster
      # The lab runs the API server by it.
      ../modules/control-plane/apiserver.json
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;
  # A host does not wait for the tests; the check rust-test runs them.
  doCheck = false;
  meta = {
    description = "Keystone Clusters: generators and programs";
    license = lib.licenses.asl20;
    mainProgram = "keystone-cluster";
    platforms = lib.platforms.linux;
  };
}
