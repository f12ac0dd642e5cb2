# The reference cluster itself: every host of the inventory at once, each with the configuration that it has in
# nixosConfigurations, and only what a container must do differently laid over it (parts/node.nix, parts/container.nix).
{
  cluster,
  lib,
  pkgs,
  ...
}@args:
let
  inventory = lib.importTOML ../../../hosts/cluster.toml;
  hosts = lib.attrNames inventory.nodes;
  # A test's script knows a machine by a name of Python.
  machine = lib.replaceStrings [ "-" ] [ "" ];
in
{
  name = "cluster";
  nodes = lib.listToAttrs (
    map (
      host:
      lib.nameValuePair (machine host) {
        imports = cluster.nodeModules.${host} ++ [
          ../parts/node.nix
          ../parts/container.nix
        ];
        # The test's /etc/hosts gives the machines' names their addresses outside the mesh.
        networking.extraHosts = lib.mkForce "";
      }
    ) hosts
  );
  testScript =
    { nodes, ... }:
    ''
      ${import ../parts/enrol.nix args}
      TRUST = "${../../../hosts/trust}"
      RENDERED = "${nodes.control1.keystone.rendered}"
      ROLES = json.loads('${builtins.toJSON (lib.mapAttrs (_: node: node.roles) inventory.nodes)}')
      ABSENT = json.loads('${builtins.toJSON (lib.importTOML ../absent.toml)}')
      everyone = {${lib.concatMapStringsSep ", " (host: "\"${host}\": ${machine host}") hosts}}
    ''
    + builtins.readFile ../parts/cluster.py;
}
