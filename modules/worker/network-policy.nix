# Who enforces NetworkPolicy objects. flannel does not: the API takes them and nothing happens. kube-router has three
# parts, and only the one for policies runs here: rules of netfilter for the pods of this node, beside whatever network.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  policy = cfg.worker.networkPolicy;
  unit = "kube-router";
in
{
  options.keystone.worker = {
    networkPolicy = mkOption {
      type = types.enum [
        "kube-router"
        "external"
        "none"
      ];
      default = "kube-router";
      description = ''
        What enforces NetworkPolicy objects on this node. It is the same on all nodes of a cluster: each enforces for its
        own pods, and control-plane nodes give kube-router its rights.

        - `kube-router`: The part of kube-router that is for policies (docs/decisions/0006-network-policy.md).
        - `external`: Something that is not part of this configuration, such as a DaemonSet from your own repository.
        - `none`: Nothing does, and every build says so.
      '';
    };
    networkPolicyPackage = mkOption {
      type = types.package;
      default = pkgs.kube-router;
      defaultText = lib.literalExpression "pkgs.kube-router";
      description = "kube-router, at least 2.4.";
    };
  };

  config = lib.mkIf cfg.worker.enable (
    lib.mkMerge [
      {
        warnings = lib.optional (policy == "none")
          "keystone: nothing enforces NetworkPolicy objects on ${cfg.node.name}: flannel ignores them, and every pod reaches every other. Set keystone.worker.networkPolicy = \"kube-router\", or install an enforcer and set \"external\".";
      }
      (lib.mkIf (policy == "kube-router") {
        # kube-proxy's certificate: it may watch services and nodes already, and bootstrap.nix of the control plane lets
        # it watch pods, namespaces and policies. A leaf of its own would have to be issued before a node can upgrade.
        keystone.certificates.use.${unit}.leaves = [ "kube-proxy" ];
        keystone.kubeconfigs.${unit} = {
          component = "kube-proxy";
          credentials = true;
        };

        # kube-router has rules for IPv4, the only addresses that pods have. By a link-local one, which an interface has
        # as soon as something lets it, pods of one node would reach each other past every policy.
        networking.nftables.tables.keystone-pods = {
          family = "inet";
          content = ''
            chain forward {
              type filter hook forward priority filter; policy accept;
              iifname "cni0" meta nfproto ipv6 drop
              oifname "cni0" meta nfproto ipv6 drop
            }
          '';
        };

        systemd.services.${unit} = {
          description = "Enforce NetworkPolicy for the pods of this node";
          after = [
            "keystone-mesh.service"
            "keystone-api.service"
          ];
          wants = [
            "keystone-mesh.service"
            "keystone-api.service"
          ];
          wantedBy = [ "kubernetes.target" ];
          startLimitIntervalSec = 0;
          path = [
            pkgs.ipset
            pkgs.iptables
          ];
          # The variant of iptables that is nftables takes no lock; the other one would want a file in /run.
          environment.XTABLES_LOCKFILE = "/run/${unit}/xtables.lock";
          serviceConfig = import ../../lib/hardening.nix // {
            # Without --netpol-default-deny, which newer ones have: it takes flannel's own address in a node's range for
            # that of a pod without rules, and the node would reach no pod of another one.
            ExecStart = lib.concatStringsSep " " [
              "${cfg.worker.networkPolicyPackage}/bin/kube-router"
              "--kubeconfig=${cfg.kubeconfigs.${unit}.path}"
              "--hostname-override=${cfg.node.name}"
              "--run-firewall=true"
              "--run-router=false"
              "--run-service-proxy=false"
              "--service-cluster-ip-range=${cfg.cluster.kubernetes.serviceCidr}"
              # Both would listen on all addresses; systemd and the journal say whether it lives.
              "--health-port=0"
              "--metrics-port=0"
            ];
            Restart = "always";
            RestartSec = 2;
            RuntimeDirectory = unit;
            # What iptables and ipset need, which check for root themselves.
            CapabilityBoundingSet = [
              "CAP_NET_ADMIN"
              "CAP_NET_RAW"
            ];
            RestrictAddressFamilies = [
              "AF_INET"
              "AF_INET6"
              "AF_NETLINK"
              "AF_UNIX"
            ];
            # iptables asks /proc/net and /proc/sys.
            ProcSubset = "all";
          };
        };
      })
    ]
  );
}
