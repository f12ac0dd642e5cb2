# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.access = lib.mkOption {
    type = lib.types.listOf (
      lib.types.submodule {
        options = {
          name = lib.mkOption {
            type = lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?";
            example = "developers-api";
            description = ''
              What the rule is for. It names the rule in the report and in the policy.
            '';
          };

          from = lib.mkOption {
            type = lib.types.nonEmptyListOf (
              lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
            );
            example = [ "developers" ];
            description = "Groups of people and roles of machines.";
          };

          to = lib.mkOption {
            type = lib.types.nonEmptyListOf (
              lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
            );
            example = [ "kubernetes-api" ];
            description = ''
              Roles of machines, names of services (all machines that serve them, on their ports),
              or `self`: the person's own devices.
            '';
          };

          ports = lib.mkOption {
            type = lib.types.listOf (
              lib.types.oneOf [
                (lib.types.ints.between 1 65535)
                (lib.types.strMatching "[0-9]{1,5}(-[0-9]{1,5})?")
                (lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
              ]
            );
            default = [ ];
            example = [ 443 ];
            description = ''
              Ports on the machines of the roles in `to`: names of services, numbers, ranges
              (`"8000-8100"`), or `"all"`.
            '';
          };

          proto = lib.mkOption {
            type = lib.types.enum [
              "tcp"
              "udp"
              "sctp"
              "icmp"
            ];
            default = "tcp";
            description = ''
              Transport of the ports that are written as numbers.

              - `tcp`: Connections.
              - `udp`: Datagrams.
              - `sctp`: SCTP associations.
              - `icmp`: Echo requests, of IPv4 and IPv6 alike; it has no ports.
            '';
          };
        };
      }
    );
    default = [ ];
    description = ''
      Who may reach what through the mesh. What the cluster itself needs is not written here: it
      comes from the service table.
    '';
  };
}
