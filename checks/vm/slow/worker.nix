# Pods on two workers of the reference cluster: names, sizes and services through the mesh, and policies that are enforced.
{ pkgs, lib, ... }@args:
let
  host = name: {
    imports = [
      (import ../parts/host.nix name)
      ../parts/one-control-plane.nix
    ];
  };
in
{
  name = "worker";
  nodes = {
    primer1 = host "primer-1";
    control1 = host "control-1";
    worker1 = host "worker-1";
    worker2 = host "worker-2";
  };
  testScript = { nodes, ... }: ''
    ${import ../parts/enrol.nix args}
    RENDERED = "${nodes.control1.keystone.rendered}"
    # vxlan takes 50 bytes of each packet.
    MTU = json.loads('${nodes.worker1.environment.etc."kube-flannel/net-conf.json".source.text}')["Backend"]["MTU"] - 50
  ''
  + builtins.readFile ../parts/worker.py;
}
