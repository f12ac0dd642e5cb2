# The scheduler: one of them leads, found by a lease.
{ config, lib, ... }:
let
  cfg = config.keystone;
  unit = "kube-scheduler";
  hand = cfg.certificates.use.${unit};
  kubeconfig = cfg.kubeconfigs.${unit}.path;
in
{
  config = lib.mkIf cfg.controlPlane.enable {
    keystone.certificates.use.${unit}.leaves = [ "scheduler" ];
    keystone.kubeconfigs.${unit} = {
      component = "scheduler";
      credentials = true;
    };

    services.kubernetes.scheduler = {
      enable = true;
      address = "\${KEYSTONE_MESH_IP}";
      # The module's 10251 is the insecure port of old; charts and the service table know 10259.
      port = 10259;
      leaderElect = true;
      extraOpts = lib.concatStringsSep " " [
        # The module always renders a kubeconfig of its own; of two values of one flag the last counts.
        "--kubeconfig=${kubeconfig}"
        "--authentication-kubeconfig=${kubeconfig}"
        "--authorization-kubeconfig=${kubeconfig}"
        "--tls-cert-file=${hand.path "scheduler.crt"}"
        "--tls-private-key-file=${hand.path "scheduler.key"}"
        "--profiling=false"
        "--tls-min-version=VersionTLS13"
      ];
    };

    systemd.services.${unit} = {
      after = [
        "keystone-mesh.service"
        "keystone-api.service"
      ];
      wants = [ "keystone-mesh.service" ];
      serviceConfig = import ../../lib/hardening.nix // {
        EnvironmentFile = cfg.mesh.environmentFile;
        RestartSec = lib.mkForce 2;
      };
    };

    assertions = [
      {
        assertion = config.services.kubernetes.scheduler.port == 10259;
        message = "keystone: services.kubernetes.scheduler.port is ${toString config.services.kubernetes.scheduler.port}, and the firewall, the policy and the dashboards know 10259. Take the setting out.";
      }
    ];
  };
}
