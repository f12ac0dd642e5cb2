# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    share = lib.mkOption {
      type = lib.types.numbers.between 0 1;
      default = 0.5;
      description = "A share.";
    };

    factor = lib.mkOption {
      type = lib.types.numbers.nonnegative;
      description = "Zero or more.";
    };

    shift = lib.mkOption {
      type = lib.types.number;
      default = -1.5;
      description = "Any number.";
    };
  };
}
