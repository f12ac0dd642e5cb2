# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.secrets = lib.mkOption {
    type = lib.types.submodule {
      options = {
        quorumSize = lib.mkOption {
          type = lib.types.ints.u32;
          default = 2;
          description = ''
            Primers that must take part when the root key signs or a backup is opened: more than
            half, fewer than all.
          '';
        };
      };
    };
    default = { };
    description = "The root of trust and the secrets in git.";
  };
}
