# The API server: on the node's address in the mesh, with its own member of etcd.
{ config, lib, ... }:
let
  cfg = config.keystone;
  hand = cfg.certificates.use.kube-apiserver;
  trust = name: "${cfg.trust}/${name}-ca.crt";
in
{
  config = lib.mkIf cfg.controlPlane.enable {
    keystone.certificates.use.kube-apiserver.leaves = [
      "apiserver"
      "apiserver-etcd"
      "apiserver-kubelet"
      "front-proxy"
    ];

    services.kubernetes.apiserver = {
      enable = true;
      # systemd puts the value in; see EnvironmentFile below.
      bindAddress = "\${KEYSTONE_MESH_IP}";
      advertiseAddress = "\${KEYSTONE_MESH_IP}";
      securePort = 6443;
      # Storage and load balancers run privileged pods; what may be privileged is a matter of admission.
      allowPrivileged = true;
      authorizationMode = [
        "Node"
        "RBAC"
      ];
      runtimeConfig = "";
      serviceClusterIpRange = cfg.cluster.kubernetes.serviceCidr;
      # Each API server has its own member: in the mesh a dead one is silence, not a refusal, and requests would hang on
      # it. A server whose member is gone is not ready, and the load balancer leaves it out. Only until primers have handed
      # over, theirs are asked too.
      etcd = {
        inherit (cfg.etcd) servers;
        caFile = trust "etcd";
        certFile = hand.path "apiserver-etcd.crt";
        keyFile = hand.path "apiserver-etcd.key";
      };
      # Client certificates are anchored on one intermediate and never on the root, under which etcd's and the machines'
      # certificates are issued as well.
      clientCaFile = trust "kubernetes";
      tlsCertFile = hand.path "apiserver.crt";
      tlsKeyFile = hand.path "apiserver.key";
      # A kubelet's certificate names the node, as its address is unknown when it is issued.
      preferredAddressTypes = "Hostname";
      kubeletClientCaFile = trust "kubernetes";
      kubeletClientCertFile = hand.path "apiserver-kubelet.crt";
      kubeletClientKeyFile = hand.path "apiserver-kubelet.key";
      proxyClientCertFile = hand.path "front-proxy.crt";
      proxyClientKeyFile = hand.path "front-proxy.key";
      # The module has no options for most of these; without the request headers aggregated APIs know nobody.
      extraOpts = lib.concatStringsSep " " (
        (lib.importJSON ./apiserver.json).flags
        ++ [
          "--requestheader-client-ca-file=${trust "front-proxy"}"
          # Readiness goes first, so that load balancers look elsewhere before connections are cut.
          "--shutdown-delay-duration=4s"
          # Clients keep a connection for ever; now and then they are asked for a new one, so that a server that came back
          # gets its share.
          "--goaway-chance=0.001"
        ]
      );
    };

    systemd.services.kube-apiserver = {
      after = [
        "keystone-mesh.service"
        "etcd.service"
      ];
      wants = [ "keystone-mesh.service" ];
      serviceConfig = import ../../lib/hardening.nix // {
        EnvironmentFile = cfg.mesh.environmentFile;
        # The port is above 1024.
        AmbientCapabilities = lib.mkForce "";
        RestartSec = lib.mkForce 2;
        # Below etcd, which it waits for, and before everything that waits for it.
        Nice = -5;
        CPUWeight = 500;
      };
    };
  };
}
