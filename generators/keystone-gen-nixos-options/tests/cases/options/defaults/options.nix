# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    truth = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Bool.";
    };

    text = lib.mkOption {
      type = lib.types.str;
      default = "a \"b\" \\ \${c} $\${d} $e\n\tf";
      description = "Text with all that must be escaped.";
    };

    list = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ "one" ];
      description = "List.";
    };

    map = lib.mkOption {
      type = lib.types.attrsOf lib.types.int;
      default = {
        a-b = 1;
        "1c" = 2;
        "in" = 3;
      };
      description = "Map.";
    };

    same = lib.mkOption {
      type = lib.types.submodule {
        options = {
          size = lib.mkOption {
            type = lib.types.int;
            default = 1;
            description = "Size.";
          };

          type = lib.mkOption {
            type = lib.types.nullOr lib.types.str;
            default = null;
            description = "Kind.";
          };
        };
      };
      default = { };
      description = "A table whose own defaults give the same, one of them left unsaid.";
    };

    other = lib.mkOption {
      type = lib.types.submodule {
        options = {
          size = lib.mkOption {
            type = lib.types.int;
            default = 1;
            description = "Size.";
          };

          type = lib.mkOption {
            type = lib.types.nullOr lib.types.str;
            default = null;
            description = "Kind.";
          };
        };
      };
      default = {
        size = 2;
        type = null;
      };
      description = "A table whose default differs.";
    };
  };
}
