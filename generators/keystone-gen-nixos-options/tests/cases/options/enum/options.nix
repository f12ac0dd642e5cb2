# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    mode = lib.mkOption {
      type = lib.types.enum [
        "slow"
        "fast"
        "idle"
      ];
      default = "slow";
      description = ''
        How it runs.

        - `slow`: With care.
        - `fast`: Without.
      '';
    };

    plain = lib.mkOption {
      type = lib.types.enum [
        "a"
        "b"
      ];
      description = "Values that nothing is said about.";
    };

    level = lib.mkOption {
      type = lib.types.enum [
        1
        2
      ];
      description = "Numbers.";
    };
  };
}
