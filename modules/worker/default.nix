# What every node of Kubernetes runs, whatever its role: the local way to the API, containerd, kubelet, kube-proxy and
# flannel. Control-plane nodes run it too, tainted.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg.cluster) kubernetes;
in
{
  imports = [
    ./api.nix
    ./containerd.nix
    ./flannel.nix
    ./images.nix
    ./kubelet.nix
    ./network-policy.nix
    ./proxy.nix
  ];

  options.keystone.worker = {
    enable = mkOption {
      type = types.bool;
      default = cfg.inventory != null && cfg.node.kubernetes;
      defaultText = lib.literalMD "whether one of the node's roles makes it a node of Kubernetes";
      description = "Whether this node runs a kubelet.";
    };
    labels = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        "example.com/gpu" = "true";
      };
      description = "Labels of the Kubernetes node besides those of the inventory. Modules of roles add theirs.";
    };
    clusterDns = mkOption {
      type = types.listOf types.str;
      readOnly = true;
      # The tenth address, as everywhere; serviceCidr is an IPv4 range whose first 256 addresses hold it.
      default = [
        "${lib.concatStringsSep "." (lib.take 3 (lib.splitString "." kubernetes.serviceCidr))}.10"
      ];
      defaultText = lib.literalMD "the tenth address of `kubernetes.serviceCidr`";
      description = "Where pods ask for names.";
    };
  };

  config = lib.mkIf cfg.worker.enable {
    services.kubernetes = {
      # The module wants one for defaults that are all set here.
      masterAddress = "${kubernetes.apiName}.${cfg.cluster.mesh.baseDomain}";
      apiserverAddress = "https://127.0.0.1:${toString cfg.worker.api.port}";
      clusterCidr = kubernetes.podCidr;
      caFile = "${cfg.trust}/kubernetes-ca.crt";
      # Switched on with any component, at the 254th address and with the tolerations of old; ours is CoreDNS in
      # modules/control-plane.
      addons.dns.enable = false;
    };

    # A node that has not joined yet must boot all the same, and a switch must not wait for a quorum.
    systemd.targets.kubernetes.wantedBy = lib.mkForce [ "keystone-mesh.target" ];

    assertions = [
      {
        assertion =
          let
            prefix = lib.toInt (lib.last (lib.splitString "/" kubernetes.serviceCidr));
          in
          !(lib.hasInfix ":" kubernetes.serviceCidr) && prefix <= 28;
        message = "keystone: kubernetes.serviceCidr is ${kubernetes.serviceCidr}, and the addresses of the API (the first) and of DNS (the tenth) are counted in an IPv4 range; choose one of at least /28, such as 10.96.0.0/16.";
      }
    ];
  };
}
