# Members of etcd are lost: one, which is replaced, and then two of three for good, after which there is no quorum any more.
# What is done then is what docs/how-to/replace-a-member.md and docs/how-to/restore-the-quorum.md say.
{ lib, pkgs, ... }@args:
let
  etcd = import ../parts/etcd.nix args;
  label = "202601011200-0a1b";
in
{
  name = "quorum";
  nodes = etcd.nodes label { };
  testScript =
    { nodes, ... }:
    etcd.script nodes + etcd.began + "LABEL = \"${label}\"\n" + builtins.readFile ../parts/quorum.py;
}
