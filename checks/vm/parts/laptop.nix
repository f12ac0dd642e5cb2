# A person's machine: not part of the cluster, with the mesh's client and the cluster's authority.
{ lib, pkgs, nodes, ... }:
let
  inventory = builtins.fromTOML (builtins.readFile ../../../hosts/cluster.toml);
  coordinator = lib.findFirst (
    n: nodes.${n}.networking.hostName == inventory.mesh.coordinator.node
  ) null (lib.attrNames nodes);
  number = lib.lists.findFirstIndex (n: n == coordinator) 0 (lib.attrNames nodes) + 1;
in
{
  services.tailscale.enable = true;
  services.resolved.enable = true;
  security.pki.certificateFiles = [ ../../../hosts/trust/root-ca.crt ];
  networking.hosts."192.168.1.${toString number}" = [
    (builtins.head (builtins.match "https://([^:/]+).*" inventory.mesh.url))
    "${inventory.mesh.coordinator.node}.relay.${inventory.cluster.domain}"
  ];
  environment.systemPackages = [
    pkgs.openssh
    pkgs.netcat
  ];
}
