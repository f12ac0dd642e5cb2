# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.cluster = lib.mkOption {
    type = lib.types.submodule {
      options = {
        name = lib.mkOption {
          type = lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?";
          example = "production";
          description = ''
            Name of the cluster, as it stands in certificates, tags of cloud resources and
            kubeconfigs.
          '';
        };

        domain = lib.mkOption {
          type = lib.types.strMatching "[a-z0-9]([a-z0-9.-]*[a-z0-9])?";
          example = "keystone.example";
          description = "Public domain below which the cluster's own names lie.";
        };

        stateVersion = lib.mkOption {
          type = lib.types.strMatching "[0-9]{2}\\.(05|11)";
          description = ''
            The NixOS release that the nodes were installed with (`system.stateVersion`). It does
            not follow upgrades.
          '';
        };
      };
    };
    description = "What the cluster is called and which NixOS it was made with.";
  };
}
