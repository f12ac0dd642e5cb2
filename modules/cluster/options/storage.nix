# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.storage = lib.mkOption {
    type = lib.types.submodule {
      options = {
        replicas = lib.mkOption {
          type = lib.types.ints.between 1 4294967295;
          default = 3;
          description = "Copies of every object, each on another storage node.";
        };

        osdSize = lib.mkOption {
          type = lib.types.nullOr (lib.types.strMatching "[0-9]+[KMGT]iB");
          default = null;
          example = "4TiB";
          description = ''
            Size of the zvol that each data disk gives to Ceph. Without it, nine tenths of the disk.
          '';
        };

        filesystem = lib.mkOption {
          type = lib.types.bool;
          default = true;
          description = "Whether the class `ceph-filesystem` exists.";
        };

        object = lib.mkOption {
          type = lib.types.bool;
          default = true;
          description = "Whether the class `ceph-object` exists. It makes buckets, not volumes.";
        };
      };
    };
    default = { };
    description = "Ceph on ZFS.";
  };
}
