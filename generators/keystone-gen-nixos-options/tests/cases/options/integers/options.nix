# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    port = lib.mkOption {
      type = lib.types.ints.between 1 65535;
      default = 443;
      description = "A port.";
    };

    offset = lib.mkOption {
      type = lib.types.ints.between (-5) 5;
      default = -1;
      description = "May be negative.";
    };

    count = lib.mkOption {
      type = lib.types.ints.u32;
      description = "None or more.";
    };

    byte = lib.mkOption {
      type = lib.types.ints.u8;
      description = "Eight bits.";
    };

    many = lib.mkOption {
      type = lib.types.ints.unsigned;
      description = "No upper bound.";
    };

    some = lib.mkOption {
      type = lib.types.ints.positive;
      description = "At least one.";
    };

    signed = lib.mkOption {
      type = lib.types.ints.between (-2147483648) 2147483647;
      description = "Thirty-two bits.";
    };

    any = lib.mkOption {
      type = lib.types.int;
      description = "Any.";
    };

    narrow = lib.mkOption {
      type = lib.types.ints.between 1 65535;
      description = "The format is narrower than the keyword.";
    };

    fixed = lib.mkOption {
      type = lib.types.enum [ 2 ];
      description = "One value.";
    };
  };
}
