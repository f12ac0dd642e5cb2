# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.snapshots = lib.mkOption {
    type = lib.types.submodule {
      options = {
        hourly = lib.mkOption {
          type = lib.types.ints.u32;
          default = 24;
          description = "One an hour.";
        };

        daily = lib.mkOption {
          type = lib.types.ints.u32;
          default = 7;
          description = "One a day.";
        };

        weekly = lib.mkOption {
          type = lib.types.ints.u32;
          default = 4;
          description = "One a week.";
        };

        monthly = lib.mkOption {
          type = lib.types.ints.u32;
          default = 12;
          description = "One a month.";
        };
      };
    };
    default = { };
    description = "How many ZFS snapshots are kept.";
  };
}
