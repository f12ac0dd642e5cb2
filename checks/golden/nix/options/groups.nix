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
  options.keystone.cluster.groups = lib.mkOption {
    type = attrsNamed "[a-z]([a-z0-9-]{0,61}[a-z0-9])?" (
      lib.types.submodule {
        options = {
          description = lib.mkOption {
            type = lib.types.str;
            default = "";
            description = "What its members do, for the report.";
          };

          includes = lib.mkOption {
            type = lib.types.listOf (lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?");
            default = [ ];
            example = [ "developers" ];
            description = "Groups whose members belong to this one too.";
          };

          clusterRoles = lib.mkOption {
            type = lib.types.listOf (lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?");
            default = [ ];
            example = [ "edit" ];
            description = ''
              Cluster roles of Kubernetes that its members have in every namespace, bound to each by
              the person's email. Admins have `cluster-admin` without being told.
            '';
          };
        };
      }
    );
    default = { };
    description = "Groups of people, by name. `admins` exists without being declared.";
  };
}
