# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
let
  attrsNamed =
    pattern: type:
    let
      named = set: lib.all (name: builtins.match pattern name != null) (lib.attrNames set);
    in
    lib.types.addCheck (lib.types.attrsOf type) named
    // {
      description = "attribute set of values whose names match ${pattern}";
      substSubModules = modules: attrsNamed pattern (type.substSubModules modules);
    };
in
{
  options.keystone.cluster = {
    labels = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      description = "Any names.";
    };

    named = lib.mkOption {
      type = attrsNamed "[a-z]+" lib.types.int;
      default = { };
      description = "Names of one form.";
    };

    tables = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule {
          options = {
            mac = lib.mkOption {
              type = lib.types.str;
              example = "52:54:00:12:34:56";
              description = "Address.";
            };
          };
        }
      );
      default = { };
      description = "Tables by name.";
    };
  };
}
