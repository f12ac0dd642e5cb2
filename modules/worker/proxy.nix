# kube-proxy: addresses of services, by nftables.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  proxy = config.services.kubernetes.proxy;
in
{
  config = lib.mkIf cfg.worker.enable {
    keystone.kubeconfigs.kube-proxy.component = "kube-proxy";
    services.kubernetes.proxy = {
      enable = true;
      # The module takes the host's name and kubelet the FQDN; where they differ kube-proxy finds no node of its own.
      hostname = cfg.node.name;
      extraOpts = lib.concatStringsSep " " [
        # Of two values of one flag the last counts; the module renders a kubeconfig of its own.
        "--kubeconfig=${cfg.kubeconfigs.kube-proxy.path}"
        "--proxy-mode=nftables"
        # Only what the service table opens, where it opens it.
        "--metrics-bind-address=\${KEYSTONE_MESH_IP}:10249"
        "--healthz-bind-address=127.0.0.1:10256"
        # Node ports answer at the node's address of Kubernetes, which is that of the mesh.
        "--nodeport-addresses=primary"
      ];
    };

    systemd.services.kube-proxy = {
      after = [
        "keystone-mesh.service"
        "keystone-api.service"
      ];
      wants = [
        "keystone-mesh.service"
        "keystone-api.service"
      ];
      # The module knows iptables only.
      path = [ pkgs.nftables ];
      serviceConfig.EnvironmentFile = cfg.mesh.environmentFile;
    };

    assertions = [
      {
        assertion = proxy.hostname == config.services.kubernetes.kubelet.hostname;
        message = "keystone: services.kubernetes.proxy.hostname is ${proxy.hostname} and that of kubelet ${config.services.kubernetes.kubelet.hostname}; kube-proxy would find no node of its own. Take both settings out.";
      }
      {
        assertion = config.environment.etc.protocols.enable or false;
        message = "keystone: ${cfg.node.name} has no /etc/protocols, so nft shows protocols as numbers. kube-proxy compares what nft shows with what it wrote, by name, and would take every service away whenever it is started and once an hour. Leave environment.etc.protocols as it is.";
      }
      {
        assertion = !config.networking.nftables.flushRuleset;
        message = "keystone: networking.nftables.flushRuleset is on, so every switch would remove the rules of kube-proxy and flannel, and services would be gone. Set it to false.";
      }
    ];
  };
}
