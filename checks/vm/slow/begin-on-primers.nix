# A cluster whose etcd begins on the primers: the API is served from there, and `keystone-primer handoff` moves everything to
# the control plane while somebody writes; it is killed on its way and taken back once. Then the primers are switched off, as
# docs/how-to/begin-on-primers.md says.
{ lib, pkgs, ... }@args:
let
  etcd = import ../parts/etcd.nix args;
  on.keystone.etcd.beginsOn = "primers";
  primer = number: etcd.host "primer-${number}" on;
in
{
  name = "begin-on-primers";
  nodes = removeAttrs (etcd.nodes null on) [ "laptop1" ] // {
    primer1 = primer "1";
    primer2 = primer "2";
    primer3 = primer "3";
  };
  testScript =
    { nodes, ... }:
    etcd.script nodes
    + builtins.readFile ../parts/writer.py
    + "\n\n"
    + builtins.readFile ../parts/begin-on-primers.py;
}
