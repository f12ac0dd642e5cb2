# The coordinator moves from a primer to the control plane by one command, which is killed on its way and run again; then
# everything that may go away goes away: the primer, the new coordinator, and at last every coordinator there is.
{ pkgs, lib, ... }@args:
let
  inventory = builtins.fromTOML (builtins.readFile ../../../hosts/cluster.toml);
  identities = ../../fixtures/identities;
  # In the order of their names, as the test numbers them.
  hosts = {
    control-1 = "192.168.1.1";
    control-2 = "192.168.1.2";
    control-3 = "192.168.1.3";
    primer-1 = "192.168.1.5";
  };
  # What the admin has: the cluster's inventory, with the addresses of the test's network.
  deskInventory = pkgs.writeText "cluster.toml" (
    builtins.replaceStrings
      (lib.mapAttrsToList (name: _: "\"${inventory.nodes.${name}.endpoint}\"") hosts)
      (lib.mapAttrsToList (_: address: "\"${address}\"") hosts)
      (builtins.readFile ../../../hosts/cluster.toml)
  );
  host = name: {
    imports = [ (import ../parts/host.nix name) ];
    keystone.worker.enable = lib.mkForce false;
  };
in
{
  name = "handoff";
  nodes = {
    control1 = host "control-1";
    control2 = host "control-2";
    control3 = host "control-3";
    primer1 = host "primer-1";
    worker1 = host "worker-1";
    laptop1 = import ../parts/ssh-laptop.nix "";
  };
  testScript =
    { nodes, ... }:
    ''
      ${import ../parts/enrol.nix args}
      TRUST = "${../../../hosts/trust}"
      RENDERED = "${nodes.control1.keystone.rendered}"
      PROGRAM = "${nodes.primer1.keystone.package}/bin/keystone-cluster"
      KEYS = "${identities}/people"
      INVENTORY = "${deskInventory}"
      ADDRESS = json.loads('${builtins.toJSON hosts}')
      URL_HOST = "${nodes.control1.keystone.mesh.urlHost}"
    ''
    + builtins.readFile ../parts/handoff.py;
}
