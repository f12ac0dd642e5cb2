# The control plane of Kubernetes: the API server, the controller manager and the scheduler as systemd units on every node
# with that role, listening in the mesh only; etcd is beside them (modules/etcd).
#
# The components of NixOS' services.kubernetes are enabled one by one. Its `roles` would bring certificates made by
# easyCerts (cfssl, one master only; its pki.nix says so) and flannel over etcd.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  top = config.services.kubernetes;
in
{
  imports = [
    ./apiserver.nix
    ./audit.nix
    ./authentication.nix
    ./bootstrap.nix
    ./controller-manager.nix
    ./coredns.nix
    ./encryption.nix
    ./rights.nix
    ./scheduler.nix
    ./service-account.nix
  ];

  options.keystone.controlPlane = {
    enable = mkOption {
      type = types.bool;
      default = cfg.inventory != null && lib.elem "control-plane" cfg.node.roles;
      defaultText = lib.literalMD "whether the node has the role `control-plane`";
      description = "Whether this node runs the control plane.";
    };
    nodes = mkOption {
      type = types.listOf types.str;
      internal = true;
      readOnly = true;
      default = lib.attrNames (
        lib.filterAttrs (_: node: lib.elem "control-plane" node.roles) cfg.cluster.nodes
      );
      description = "Nodes with the control plane.";
    };
  };

  config = lib.mkIf cfg.controlPlane.enable {
    services.kubernetes = {
      masterAddress = "${cfg.cluster.kubernetes.apiName}.${cfg.cluster.mesh.baseDomain}";
      easyCerts = false;
      addonManager.enable = false;
      addons.dns.enable = false;
    };
    assertions = [
      {
        assertion = top.roles == [ ] && !top.easyCerts && !top.addonManager.enable;
        message = "keystone: services.kubernetes.roles, easyCerts or addonManager is on for ${cfg.node.name}; they bring a second set of certificates and another flannel. Take them out, the roles of the inventory are enough.";
      }
      {
        assertion = lib.mod (lib.length cfg.controlPlane.nodes) 2 == 1;
        message = "keystone: ${toString (lib.length cfg.controlPlane.nodes)} nodes have the role control-plane, and a quorum of an even number survives no more failures than with one less; give the role to an odd number of nodes.";
      }
    ];
  };
}
