# What working on a cluster needs. agenix looks for no age identity by itself: pass `-i ~/.config/age/keystone-admin.txt`.
{ pkgs, agenix }:
pkgs.mkShell {
  packages = [
    agenix
    pkgs.age
    pkgs.cargo
    pkgs.clippy
    pkgs.deploy-rs
    pkgs.keystone
    pkgs.kubectl
    (pkgs.nixfmt-tree or pkgs.nixfmt-rfc-style)
    pkgs.rustc
    pkgs.rustfmt
  ];
}
