# The controller manager: one of them leads, found by a lease.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  unit = "kube-controller-manager";
  hand = cfg.certificates.use.${unit};
  kubeconfig = cfg.kubeconfigs.${unit}.path;
  ca = "${cfg.trust}/kubernetes-ca.crt";
  # For signing the program takes exactly one certificate, or ends ("expected 1 certificate", controller/certificates/signer/
  # ca_provider.go). The bundle's first issues; the others are its successors, or issued before it.
  last = "-----END CERTIFICATE-----\n";
  signer =
    if builtins.pathExists (cfg.trust + "/kubernetes-ca.crt") then
      pkgs.writeText "kubernetes-signer.crt" (
        lib.head (lib.splitString last (builtins.readFile (cfg.trust + "/kubernetes-ca.crt"))) + last
      )
    else
      ca;
in
{
  config = lib.mkIf cfg.controlPlane.enable {
    keystone.certificates.use.${unit}.leaves = [ "controller-manager" ];
    keystone.kubeconfigs.${unit} = {
      component = "controller-manager";
      credentials = true;
    };
    # For certificate signing requests, which pods' webhooks make.
    keystone.secrets.use.k8s-ca-key.credentials.${unit} = "k8s-ca-key";

    services.kubernetes.controllerManager = {
      enable = true;
      bindAddress = "\${KEYSTONE_MESH_IP}";
      # The module's 10252 is the insecure port of old; charts and the service table know 10257.
      securePort = 10257;
      allocateNodeCIDRs = true;
      clusterCidr = cfg.cluster.kubernetes.podCidr;
      rootCaFile = ca;
      tlsCertFile = hand.path "controller-manager.crt";
      tlsKeyFile = hand.path "controller-manager.key";
      leaderElect = true;
      # No serviceAccountKeyFile: tokens come from the API server alone (TokenRequest), and a controller that can sign
      # would also make the ones that never expire.
      extraOpts = lib.concatStringsSep " " [
        # The module always renders a kubeconfig of its own; of two values of one flag the last counts.
        "--kubeconfig=${kubeconfig}"
        "--authentication-kubeconfig=${kubeconfig}"
        "--authorization-kubeconfig=${kubeconfig}"
        "--cluster-name=${cfg.cluster.cluster.name}"
        "--service-cluster-ip-range=${cfg.cluster.kubernetes.serviceCidr}"
        "--cluster-signing-cert-file=${signer}"
        "--cluster-signing-key-file=${hand.path "k8s-ca-key"}"
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
        # It ends when it loses its lease; the module waits 30 s then.
        RestartSec = lib.mkForce 2;
      };
    };

    assertions = [
      {
        assertion = config.services.kubernetes.controllerManager.securePort == 10257;
        message = "keystone: services.kubernetes.controllerManager.securePort is ${toString config.services.kubernetes.controllerManager.securePort}, and the firewall, the policy and the dashboards know 10257. Take the setting out.";
      }
    ];
  };
}
