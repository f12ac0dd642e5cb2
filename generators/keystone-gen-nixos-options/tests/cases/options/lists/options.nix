# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    rules = lib.mkOption {
      type = lib.types.listOf (
        lib.types.submodule {
          options = {
            to = lib.mkOption {
              type = lib.types.str;
              description = "Where to.";
            };

            deep = lib.mkOption {
              type = lib.types.submodule {
                options = {
                  on = lib.mkOption {
                    type = lib.types.bool;
                    default = true;
                    description = "Whether.";
                  };
                };
              };
              default = { };
              description = "A table inside.";
            };
          };
        }
      );
      default = [ ];
      description = "Tables in a list.";
    };

    names = lib.mkOption {
      type = lib.types.nonEmptyListOf (lib.types.strMatching "[a-z]+");
      example = [ "anna" ];
      description = "At least one.";
    };

    pairs = lib.mkOption {
      type = lib.types.listOf (lib.types.listOf lib.types.ints.u8);
      default = [
        [
          1
          2
        ]
        [ ]
      ];
      description = "Lists in a list.";
    };
  };
}
