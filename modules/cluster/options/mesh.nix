# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.mesh = lib.mkOption {
    type = lib.types.submodule {
      options = {
        url = lib.mkOption {
          type = lib.types.strMatching "https://[^?#@]+";
          example = "https://mesh.keystone.example";
          description = ''
            Where clients find Headscale. It never changes in the life of a cluster; which machine
            answers there does.
          '';
        };

        baseDomain = lib.mkOption {
          type = lib.types.strMatching "[a-z0-9]([a-z0-9.-]*[a-z0-9])?";
          example = "keystone.internal";
          description = ''
            The zone of MagicDNS: `worker-1` answers as `worker-1.<baseDomain>`. The host of `url`
            must not lie in it.
          '';
        };

        prefixes = lib.mkOption {
          type = lib.types.submodule {
            options = {
              v4 = lib.mkOption {
                type = lib.types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}";
                default = "100.64.0.0/10";
                description = "Within 100.64.0.0/10.";
              };

              v6 = lib.mkOption {
                type = lib.types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}";
                default = "fd7a:115c:a1e0::/48";
                description = "Within `fd7a:115c:a1e0::/48`.";
              };
            };
          };
          default = { };
          description = "Addresses of the mesh.";
        };

        derpFallback = lib.mkOption {
          type = lib.types.enum [
            "none"
            "tailscale"
          ];
          default = "none";
          description = ''
            Whether clients may fall back on public relays.

            - `none`: Only our own relays. Headscale then starts without the Internet.
            - `tailscale`: The relays of Tailscale too. Headscale then does not start when it cannot
              fetch their list.
          '';
        };

        coordinator = lib.mkOption {
          type = lib.types.submodule {
            options = {
              node = lib.mkOption {
                type = lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?";
                example = "primer-1";
                description = "A primer, or a control-plane node once the handoff is done.";
              };

              port = lib.mkOption {
                type = lib.types.ints.between 1 65535;
                default = 443;
                description = ''
                  The port on which it listens; that of `url` unless something forwards.
                '';
              };
            };
          };
          description = ''
            The machine on which Headscale starts, and where it answers. Standbys are all
            control-plane nodes.
          '';
        };

        relay = lib.mkOption {
          type = lib.types.submodule {
            options = {
              domain = lib.mkOption {
                type = lib.types.nullOr (lib.types.strMatching "[a-z0-9]([a-z0-9.-]*[a-z0-9])?");
                default = null;
                example = "relay.keystone.example";
                description = ''
                  Zone of the relays' public names: host `primer-1` answers as `primer-1.<domain>`.
                  By default `relay.<cluster.domain>`.
                '';
              };

              port = lib.mkOption {
                type = lib.types.ints.between 1 65535;
                default = 8443;
                example = 443;
                description = ''
                  Port of the relay protocol (TLS). Not 443, which the coordinator has on the same
                  machines.
                '';
              };

              stunPort = lib.mkOption {
                type = lib.types.ints.between 1 65535;
                default = 3478;
                example = 443;
                description = "Port of STUN (UDP).";
              };
            };
          };
          default = { };
          description = ''
            The relays (DERP), one on every primer and every control-plane node, as primers sleep.
          '';
        };

        tls = lib.mkOption {
          type = lib.types.submodule {
            options = {
              mode = lib.mkOption {
                type = lib.types.enum [
                  "acme"
                  "files"
                ];
                description = ''
                  Where certificates come from.

                  - `acme`: A public certificate authority, by ACME. Needs `email`, and port 80 or
                    DNS within its reach.
                  - `files`: Files that the cluster's own certificate authority signed, delivered as
                    secrets.
                '';
              };

              email = lib.mkOption {
                type = lib.types.nullOr (lib.types.strMatching "[a-z0-9._+-]+@[a-z0-9.-]+");
                default = null;
                example = "alice@example.com";
                description = ''
                  Contact for the ACME account (`mode = "acme"`).
                '';
              };
            };
          };
          description = "Certificates of coordinator and relays.";
        };

        nameservers = lib.mkOption {
          type = lib.types.listOf (lib.types.strMatching "[0-9a-fA-F.:]+");
          default = [ ];
          description = ''
            Resolvers that nodes ask for names outside the mesh. Without any, each keeps its own.
          '';
        };
      };
    };
    description = "The WireGuard mesh that Headscale coordinates.";
  };
}
