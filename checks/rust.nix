# The Rust workspace, formatted, linted and tested, from the same source and the same locked crates as the programs.
{ pkgs, ... }:
let
  run =
    name: tools: command:
    pkgs.keystone.overrideAttrs (old: {
      pname = name;
      nativeBuildInputs = (old.nativeBuildInputs or [ ]) ++ tools;
      buildPhase = command;
      doCheck = false;
      installPhase = "touch $out";
    });
in
{
  rust-fmt = run "rust-fmt" [ pkgs.rustfmt ] "cargo fmt --all --check";
  rust-clippy = run "rust-clippy" [
    pkgs.clippy
  ] "cargo clippy --workspace --all-targets --locked --offline -- -D warnings";
  rust-test = run "rust-test" [ ] "cargo test --workspace --locked --offline --no-fail-fast";
}
