# Addresses of pods: flannel on the host, vxlan inside the mesh. The specification's `wireguard` backend would encrypt
# what the mesh has already encrypted.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  bridge = "cni0";
  # The mesh's. flannel takes 50 off for vxlan, so pods have 1230; IPv6 wants 1280 (RFC 8200), so they have IPv4 only.
  mtu = 1280;
in
{
  config = lib.mkIf cfg.worker.enable {
    keystone.kubeconfigs.flannel.component = "flannel";
    services.kubernetes.flannel = {
      enable = true;
      # True would open 8472 on all interfaces; the service table opens it in the mesh.
      openFirewallPorts = false;
    };
    services.flannel = {
      storageBackend = "kubernetes";
      kubeconfig = cfg.kubeconfigs.flannel.path;
      iface = cfg.mesh.interface;
      network = cfg.cluster.kubernetes.podCidr;
    };
    # Written whole: not every option of flannel has one in NixOS.
    environment.etc."kube-flannel/net-conf.json".source = lib.mkForce (
      pkgs.writeText "net-conf.json" (
        builtins.toJSON {
          Network = cfg.cluster.kubernetes.podCidr;
          # Rules beside those of the firewall and kube-proxy, and none of iptables.
          EnableNFTables = true;
          Backend = {
            Type = "vxlan";
            MTU = mtu;
          };
        }
      )
    );

    services.kubernetes.kubelet.cni.config = [
      {
        name = "pods";
        type = "flannel";
        cniVersion = "0.3.1";
        delegate = {
          inherit bridge;
          isDefaultGateway = true;
          # A pod may reach itself through its own service.
          hairpinMode = true;
        };
      }
    ];

    systemd.services.flannel = {
      # A restart of tailscaled makes the interface anew, and with it goes what flannel put on it (tailscale#297).
      partOf = [ "tailscaled.service" ];
      after = [
        "keystone-mesh.service"
        "keystone-api.service"
      ];
      wants = [
        "keystone-mesh.service"
        "keystone-api.service"
      ];
      wantedBy = lib.mkForce [ "kubernetes.target" ];
      path = [ pkgs.nftables ];
      environment = {
        # Pods reach the world by the node's address; the mesh drops packets from any other.
        FLANNELD_IP_MASQ = "true";
        # Of the kubernetes backend: without it flannel asks for its own pod, which does not exist on a host.
        NODE_NAME = cfg.node.name;
      };
      serviceConfig = {
        EnvironmentFile = cfg.mesh.environmentFile;
        RestartSec = lib.mkForce 2;
      };
      unitConfig.StartLimitIntervalSec = 0;
    };

    assertions = [
      {
        assertion = !config.services.kubernetes.flannel.openFirewallPorts;
        message = "keystone: services.kubernetes.flannel.openFirewallPorts is on and opens 8472/udp outside the mesh, where anybody could send packets to pods. Take the setting out.";
      }
    ];
  };
}
