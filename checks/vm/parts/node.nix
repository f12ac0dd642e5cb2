# A node of a test: a host of the reference cluster, with the addresses of the test's network and a throw-away identity.
# `hostName` says which host it is.
{
  config,
  lib,
  nodes,
  ...
}:
let
  inventory = lib.importTOML ../../../hosts/cluster.toml;
  hostOf = name: lib.concatStringsSep "-" (lib.filter (part: part != "") (lib.flatten (builtins.split "([0-9]+)" name)));
in
{
  imports = [
    ./container.nix
    ./pki.nix
  ];
  # Alloy is among the programs that a container of a test may lack; vm-cluster and vm-observability ask for it.
  keystone.observability.logs.enable = lib.mkDefault false;
  # There is no ZFS to say anything about.
  services.prometheus.exporters.zfs.enable = lib.mkForce false;
  keystone = {
    inventory = ../../../hosts/cluster.toml;
    trust = ../../../hosts/trust;
    secrets = {
      folder = ../../../secrets;
      identityFile = "${../../fixtures/identities/nodes}/${config.networking.hostName}.txt";
    };
    # The test's own network instead of the documentation's addresses. Nodes are numbered in the order of their names, and
    # a test calls the host control-1 `control1`; asking the nodes themselves would ask in a circle.
    cluster.nodes = lib.listToAttrs (
      lib.concatLists (
        lib.imap1 (
          number: name:
          let
            host = hostOf name;
          in
          lib.optional (inventory.nodes ? ${host}) (
            lib.nameValuePair host { endpoint = "192.168.1.${toString number}"; }
          )
        ) (lib.attrNames nodes)
      )
    );
  };
}
