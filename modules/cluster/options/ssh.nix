# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.ssh = lib.mkOption {
    type = lib.types.listOf (
      lib.types.submodule {
        options = {
          name = lib.mkOption {
            type = lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?";
            example = "admins-shell";
            description = "What the rule is for.";
          };

          from = lib.mkOption {
            type = lib.types.nonEmptyListOf (
              lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
            );
            example = [ "admins" ];
            description = "Groups of people.";
          };

          to = lib.mkOption {
            type = lib.types.nonEmptyListOf (
              lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
            );
            example = [ "worker" ];
            description = "Roles of machines.";
          };

          users = lib.mkOption {
            type = lib.types.nonEmptyListOf lib.types.str;
            description = "Users of the machine that they may be.";
          };

          action = lib.mkOption {
            type = lib.types.enum [
              "accept"
              "check"
            ];
            default = "accept";
            description = ''
              Whether the person must have logged in recently.

              - `accept`: Being in the mesh is enough.
              - `check`: The person must have authenticated within the check period.
            '';
          };

          checkPeriod = lib.mkOption {
            type = lib.types.nullOr (lib.types.strMatching "[0-9]+[smhd]");
            default = null;
            example = "12h";
            description = ''
              How recently, for `action = "check"`. At most a week; 12 hours where nothing is
              written.
            '';
          };
        };
      }
    );
    default = [ ];
    description = "Who may log in where, and as which user, by the SSH server of the mesh client.";
  };
}
