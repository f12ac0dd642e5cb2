# How requests from outside come in, as far as it concerns hosts: nodes with public addresses, and a tunnel.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg) ingress;
  here = cfg.inventory != null && lib.elem "ingress" cfg.node.roles;
in
{
  imports = [ ./tunnel.nix ];

  options.keystone.ingress = {
    nodes.enable = mkOption {
      type = types.bool;
      default = here && lib.elem "nodes" cfg.cluster.ingress.modes && cfg.worker.enable;
      defaultText = lib.literalMD "whether the node has the role `ingress` and runs a kubelet, and `ingress.modes` has `nodes`";
      description = "Whether this node takes requests on its own addresses.";
    };
    nodes.publicPorts = mkOption {
      type = types.listOf types.port;
      default = map (name: (lib.head cfg.services.${name}.ports).from) [
        "http"
        "https"
      ];
      defaultText = lib.literalMD "those of `http` and `https` in the service table";
      example = [ 443 ];
      description = ''
        Ports that are open to everybody outside the mesh. Requests to addresses that MetalLB announces do not need them:
        they are forwarded to pods and never arrive at the host.
      '';
    };
  };

  config = lib.mkMerge [
    # Where controllers of ingress and the speakers of MetalLB are to run. Neither could announce anything in the mesh,
    # which has no layer 2.
    (lib.mkIf here { keystone.worker.labels."keystone.systems/ingress" = "true"; })

    (lib.mkIf (ingress.nodes.enable && ingress.nodes.publicPorts != [ ]) {
      # The one opening that is not in the service table, which knows the machines and people of the mesh alone.
      keystone.base.firewall.extraRules = ''
        iifname != "${cfg.mesh.interface}" tcp dport { ${lib.concatMapStringsSep ", " toString ingress.nodes.publicPorts} } accept comment "requests from outside"
      '';
    })
    (lib.mkIf ingress.nodes.enable {
      assertions = [
        {
          assertion = cfg.worker.enable;
          message = "keystone: ${cfg.node.name} takes requests from outside and runs no kubelet, so nothing would answer them. Leave keystone.worker.enable on, or set keystone.ingress.nodes.enable = false.";
        }
        {
          # Rules of the forward chain would drop what kube-proxy sends on to pods of other nodes.
          assertion = !config.networking.firewall.filterForward;
          message = "keystone: networking.firewall.filterForward is on, and requests from outside are forwarded to pods. Set it to false; pods are told apart by NetworkPolicy.";
        }
      ];
    })
  ];
}
