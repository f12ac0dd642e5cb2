# A laptop that reaches hosts by SSH in the mesh: it knows the key of each, and shows alice's. `as`: lines of its own for all
# of them.
as:
{ lib, ... }:
let
  inventory = lib.importTOML ../../../hosts/cluster.toml;
  zone = inventory.mesh.baseDomain;
in
{
  imports = [ ./laptop.nix ];
  programs.ssh = {
    extraConfig = ''
      Host *.${zone}
      ${as}  IdentityFile /tmp/alice
        ServerAliveInterval 5
    '';
    knownHosts = lib.mapAttrs' (
      name: node:
      lib.nameValuePair name {
        hostNames = [ "${name}.${zone}" ];
        publicKey = node.sshHostKey;
      }
    ) inventory.nodes;
  };
}
