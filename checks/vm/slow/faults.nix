# What happens to a cluster with a load: an API server killed, a node of the control plane that nobody reaches, a disk that is
# full. Nothing that was acknowledged is lost, and `keystone-cluster health` names it.
{ lib, pkgs, ... }@args:
let
  etcd = import ../parts/etcd.nix args;
in
{
  name = "faults";
  nodes = etcd.nodes null { };
  testScript = { nodes, ... }: etcd.script nodes + builtins.readFile ../parts/faults.py;
}
