# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    type = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    a-b = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    _x = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    "2fast" = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    "with" = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    "or" = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    "a.b" = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    ends' = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    "\${x}" = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };

    "ä" = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "A name.";
    };
  };
}
