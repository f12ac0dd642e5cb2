# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.ingress = lib.mkOption {
    type = lib.types.submodule {
      options = {
        modes = lib.mkOption {
          type = lib.types.listOf (
            lib.types.enum [
              "nodes"
              "cloudflare-tunnel"
            ]
          );
          default = [ ];
          description = ''
            Which ways are open.

            - `nodes`: Nodes with the role `ingress` and public addresses.
            - `cloudflare-tunnel`: A tunnel that the cluster opens to Cloudflare.
          '';
        };

        loadBalancerCidrs = lib.mkOption {
          type = lib.types.listOf (lib.types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}");
          default = [ ];
          example = [ "203.0.113.128/28" ];
          description = ''
            Addresses that ingress nodes announce for services of type `LoadBalancer`.
          '';
        };

        tunnel = lib.mkOption {
          type = lib.types.nullOr (
            lib.types.submodule {
              options = {
                name = lib.mkOption {
                  type = lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?";
                  example = "production";
                  description = "Name of the tunnel.";
                };

                hostnames = lib.mkOption {
                  type = lib.types.listOf (lib.types.strMatching "[a-z0-9]([a-z0-9.-]*[a-z0-9])?");
                  example = [ "www.keystone.example" ];
                  description = ''
                    Host names that it serves. Never that of the mesh: Cloudflare does not pass
                    Headscale's protocol.
                  '';
                };
              };
            }
          );
          default = null;
          description = "The tunnel (`modes` has `cloudflare-tunnel`).";
        };
      };
    };
    default = { };
    description = "How requests from outside come in.";
  };
}
