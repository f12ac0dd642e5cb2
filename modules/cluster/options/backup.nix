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
  options.keystone.cluster.backup = lib.mkOption {
    type = lib.types.submodule {
      options = {
        targets = lib.mkOption {
          type = attrsNamed "[a-z]([a-z0-9-]{0,61}[a-z0-9])?" (
            lib.types.submodule {
              options = {
                kind = lib.mkOption {
                  type = lib.types.enum [
                    "node"
                    "s3"
                  ];
                  description = ''
                    What it is.

                    - `node`: A machine of the cluster that receives ZFS streams.
                    - `s3`: A bucket whose objects nobody can overwrite.
                  '';
                };

                node = lib.mkOption {
                  type = lib.types.nullOr (lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?");
                  default = null;
                  example = "backup-1";
                  description = ''
                    The machine with role `backup` (`kind = "node"`).
                  '';
                };

                dataset = lib.mkOption {
                  type = lib.types.nullOr lib.types.str;
                  default = null;
                  description = ''
                    Its data set, below which each machine has its own (`kind = "node"`).
                  '';
                };

                bucket = lib.mkOption {
                  type = lib.types.nullOr (lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?");
                  default = null;
                  example = "keystone-production-backup";
                  description = ''
                    The bucket (`kind = "s3"`).
                  '';
                };

                region = lib.mkOption {
                  type = lib.types.nullOr (lib.types.strMatching "[a-z]{2}(-[a-z]+)+-[0-9]{1,2}");
                  default = null;
                  example = "eu-central-1";
                  description = ''
                    Its region (`kind = "s3"`).
                  '';
                };
              };
            }
          );
          default = { };
          description = "Targets, by name.";
        };
      };
    };
    default = { };
    description = "Where backups go.";
  };
}
