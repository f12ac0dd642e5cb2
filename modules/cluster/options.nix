# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  imports = [
    ./options/access.nix
    ./options/backup.nix
    ./options/cluster.nix
    ./options/groups.nix
    ./options/identity.nix
    ./options/ingress.nix
    ./options/kubernetes.nix
    ./options/mesh.nix
    ./options/nodes.nix
    ./options/observability.nix
    ./options/people.nix
    ./options/pools.nix
    ./options/secrets.nix
    ./options/snapshots.nix
    ./options/ssh.nix
    ./options/storage.nix
  ];

  options.keystone.cluster.schema = lib.mkOption {
    type = lib.types.enum [ 1 ];
    description = "Version of this format. Only 1 exists.";
  };
}
