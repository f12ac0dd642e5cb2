# A node of a test: a host of the reference cluster, with the addresses of the test's network and a throw-away identity.
# `hostName` says which host it is.
{
  config,
  lib,
  nodes,
  ...
}:
{
  imports = [ ./pki.nix ];
  keystone = {
    inventory = ../../../hosts/cluster.toml;
    trust = ../../../hosts/trust;
    secrets = {
      folder = ../../../secrets;
      identityFile = "${../../fixtures/identities/nodes}/${config.networking.hostName}.txt";
    };
    # The test's own network instead of the documentation's addresses.
    cluster.nodes = lib.mapAttrs' (
      _: node: lib.nameValuePair node.networking.hostName {
        endpoint = (lib.head node.networking.interfaces.eth1.ipv4.addresses).address;
      }
    ) nodes;
  };
}
