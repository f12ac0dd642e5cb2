# Kubernetes in the mesh: three control-plane nodes and two workers of the reference cluster, whose etcd and API server
# no other network reaches; pods that find a service by name; one node that dies, and everything goes on.
{ lib, ... }:
let
  inventory = lib.importTOML ../../hosts/cluster.toml;
  host = name: {
    imports = [
      ./parts/node.nix
      ./parts/container.nix
    ];
    networking.hostName = name;
    # The test's /etc/hosts gives the nodes' names their addresses outside the mesh.
    networking.extraHosts = lib.mkForce "";
  };
  hosts = {
    primer1 = "primer-1";
    control1 = "control-1";
    control2 = "control-2";
    control3 = "control-3";
    worker1 = "worker-1";
    worker2 = "worker-2";
  };
  joining = lib.filterAttrs (_: name: name != "primer-1") hosts;
in
{
  name = "control-plane";
  nodes = lib.mapAttrs (_: host) hosts;
  testScript = ''
    import json

    joining = ${builtins.toJSON (lib.attrNames joining)}
    recipients = json.loads('${
      builtins.toJSON (lib.mapAttrs (_: name: inventory.nodes.${name}.ageKey) joining)
    }')
    tags = json.loads('${
      builtins.toJSON (
        lib.mapAttrs (
          _: name: lib.concatMapStringsSep "," (role: "tag:${role}") inventory.nodes.${name}.roles
        ) joining
      )
    }')
    names = json.loads('${builtins.toJSON hosts}')
    trust = "${../../hosts/trust}"
    machine_of = {m.name: m for m in machines}
  ''
  + builtins.readFile ./parts/control-plane.py;
}
