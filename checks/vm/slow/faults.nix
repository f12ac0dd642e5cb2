# What happens to a cluster with a load: an API server killed, a node of the control plane that nobody reaches, a disk that is
# full. Nothing that was acknowledged is lost, and `keystone-cluster health` names it. Then a coordinator whose database is an
# older copy, as docs/how-to/mend-the-mesh.md says.
{ lib, pkgs, ... }@args:
let
  etcd = import ../parts/etcd.nix args;
in
{
  name = "faults";
  nodes = etcd.nodes null { } // {
    worker1 = etcd.host "worker-1" { };
  };
  testScript =
    { nodes, ... }:
    etcd.script nodes
    + etcd.began
    + builtins.readFile ../parts/writer.py
    + "\n\n"
    + builtins.readFile ../parts/faults.py
    + builtins.readFile ../parts/old-database.py;
}
