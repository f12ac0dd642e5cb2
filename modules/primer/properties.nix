# Properties of ZFS data sets among mount options.
#
# `options = [ "encryption=on" ]` reads well, but mount.zfs refuses options that it does not know ("cannot be mounted due
# to invalid option", openzfs/zfs: cmd/mount_zfs.c), the mount fails, and the machine ends in emergency mode. Encryption is
# decided when a data set is created. So it stays out of what goes to /etc/fstab, and keystone-primer-storage.service asks
# the data set itself.
{ lib, ... }:
let
  isProperty = option: builtins.match "encryption=.*" option != null;
in
{
  options.fileSystems = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.submodule (
        { config, options, ... }:
        {
          options = {
            options = lib.mkOption {
              apply =
                given:
                let
                  left = lib.filter (option: !isProperty option) given;
                in
                if left == given || config.fsType != "zfs" then
                  given
                else if left == [ ] then
                  [ "defaults" ]
                else
                  left;
            };
            _encrypted = lib.mkOption {
              type = lib.types.bool;
              internal = true;
              # Not read-only: virtual machines of tests define file systems anew, with the values that they had.
              default =
                config.fsType == "zfs"
                && lib.any (option: isProperty option && option != "encryption=off") (
                  lib.concatLists options.options.definitions
                );
              description = "Whether the mount options ask for an encrypted data set.";
            };
          };
        }
      )
    );
  };
}
