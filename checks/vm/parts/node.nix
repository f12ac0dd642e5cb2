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
  identities = ../../fixtures/identities/nodes;
  hostOf = name: lib.concatStringsSep "-" (lib.filter (part: part != "") (lib.flatten (builtins.split "([0-9]+)" name)));
in
{
  imports = [
    ./container.nix
    ./pki.nix
  ];
  # Nodes prove themselves to each other by the host keys that the inventory has.
  system.activationScripts.hostKey = ''
    install -D -m 0600 ${identities}/${config.networking.hostName}-ssh /etc/ssh/ssh_host_ed25519_key
    install -m 0644 ${identities}/${config.networking.hostName}-ssh.pub /etc/ssh/ssh_host_ed25519_key.pub
  '';
  # A profile for containers has it started by a socket, unlike the hosts.
  services.openssh.startWhenNeeded = false;
  # The shell of NixOS finds the system's programs for a command over SSH; another one is told.
  services.openssh.extraConfig = lib.mkBefore "SetEnv PATH=${config.keystone.package}/bin:/run/current-system/sw/bin:/usr/bin:/usr/sbin";
  # Alloy is among the programs that a container of a test may lack; vm-cluster and vm-observability ask for it.
  keystone.observability.logs.enable = lib.mkDefault false;
  # There is no ZFS to say anything about.
  services.prometheus.exporters.zfs.enable = lib.mkForce false;
  keystone = {
    inventory = ../../../hosts/cluster.toml;
    trust = ../../../hosts/trust;
    secrets = {
      folder = ../../../secrets;
      identityFile = "${identities}/${config.networking.hostName}.txt";
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
