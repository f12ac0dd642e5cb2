# Kubernetes in the mesh: three control-plane nodes and two workers of the reference cluster, whose etcd and API server
# no other network reaches; pods that find a service by name; one node that dies, and everything goes on.
{ pkgs, lib, ... }@args:
let
  host = import ./parts/host.nix;
in
{
  name = "control-plane";
  nodes = {
    primer1 = host "primer-1";
    control1 = host "control-1";
    control2 = host "control-2";
    control3 = host "control-3";
    worker1 = host "worker-1";
    worker2 = host "worker-2";
  };
  testScript = { nodes, ... }: ''
    ${import ./parts/enrol.nix args}
    TRUST = "${../../hosts/trust}"
    RENDERED = "${nodes.control1.keystone.rendered}"
  ''
  + builtins.readFile ./parts/control-plane.py;
}
