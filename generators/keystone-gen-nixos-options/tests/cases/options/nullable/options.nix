# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    text = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      description = "Text or nothing.";
    };

    name = lib.mkOption {
      type = lib.types.nullOr (lib.types.strMatching "[a-z]+");
      default = null;
      example = "anna";
      description = "A form or nothing.";
    };

    table = lib.mkOption {
      type = lib.types.nullOr (
        lib.types.submodule {
          options = {
            key = lib.mkOption {
              type = lib.types.str;
              description = "A key.";
            };
          };
        }
      );
      default = null;
      description = "A table or nothing.";
    };

    set = lib.mkOption {
      type = lib.types.nullOr lib.types.int;
      default = 3;
      description = "Nothing is allowed, but is not the default.";
    };

    list = lib.mkOption {
      type = lib.types.nullOr (lib.types.listOf lib.types.bool);
      default = null;
      description = "A list or nothing.";
    };
  };
}
