# etcd: one member on every control-plane node, over TLS, in the mesh only.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  hand = cfg.certificates.use.etcd;
  ca = "${cfg.trust}/etcd-ca.crt";
  # `keystone-cluster rotate-keys --revoke` writes it when it is first needed.
  revoked = "etcd-ca.crl";
  inherit (cfg.controlPlane) restored;
  # A mark beside the data, which stays when the data is lost.
  began = "/var/lib/keystone/etcd-began";
  url = name: port: "https://${name}.${cfg.cluster.mesh.baseDomain}:${toString port}";
in
{
  options.keystone.controlPlane.restored = lib.mkOption {
    type = lib.types.nullOr (lib.types.strMatching "[0-9]{12}-[0-9a-f]{4}");
    default = null;
    example = "202611270755-3fa1";
    description = ''
      What `keystone-primer recover --mode quorum-restore` says when etcd was given a quorum again. etcd then runs from the folder
      `/var/lib/etcd-LABEL`, which has to be copied there first, as a cluster of its own; the folder before stays as it is.
    '';
  };

  config = lib.mkIf cfg.controlPlane.enable {
    keystone.certificates.use.etcd.leaves = [ "etcd" ];

    services.etcd = {
      enable = true;
      name = cfg.node.name;
      # Filled from the mesh's address file, which overrides the module's Environment: etcd takes no names in what it
      # listens on ("expected IP in URL for binding", embed/config.go), and the address is known only at run time.
      listenClientUrls = [ ];
      listenPeerUrls = [ ];
      # Elsewhere names are fine, and they stay when addresses do not.
      advertiseClientUrls = [ (url cfg.node.name 2379) ];
      initialAdvertisePeerUrls = [ (url cfg.node.name 2380) ];
      initialCluster = map (name: "${name}=${url name 2380}") cfg.controlPlane.nodes;
      # A cluster that was restored is another one: whoever still runs the old one is a stranger to it.
      initialClusterToken = cfg.cluster.cluster.name + lib.optionalString (restored != null) "-${restored}";
      dataDir = lib.mkIf (restored != null) "/var/lib/etcd-${restored}";
      initialClusterState = lib.mkIf (restored != null) (lib.mkDefault "existing");
      openFirewall = false;
      # Whoever shows a certificate of etcd's own intermediate is let in, and nobody else: the root has issued others.
      # A peer's certificate needs no address: etcd resolves the names in it and compares (client/pkg/transport).
      clientCertAuth = true;
      trustedCaFile = ca;
      certFile = hand.path "etcd.crt";
      keyFile = hand.path "etcd.key";
      peerClientCertAuth = true;
      peerTrustedCaFile = ca;
      peerCertFile = hand.path "etcd.crt";
      peerKeyFile = hand.path "etcd.key";
      extraConf = {
        TLS_MIN_VERSION = "TLS1.3";
        # Twice etcd's defaults: a path over a relay adds tens of milliseconds.
        HEARTBEAT_INTERVAL = "200";
        ELECTION_TIMEOUT = "2000";
        QUOTA_BACKEND_BYTES = toString (8 * 1024 * 1024 * 1024);
      }
      // lib.optionalAttrs (builtins.pathExists (cfg.trust + "/${revoked}")) {
        # Read anew at each handshake (client/pkg/transport, checkCRL), by serial number alone.
        CLIENT_CRL_FILE = "${cfg.trust}/${revoked}";
        PEER_CRL_FILE = "${cfg.trust}/${revoked}";
      };
    };

    systemd.services.etcd = {
      after = [ "keystone-mesh.service" ];
      wants = [ "keystone-mesh.service" ];
      # A node that has not joined yet must boot all the same.
      wantedBy = lib.mkForce [ "keystone-mesh.target" ];
      # Names of peers that have not joined yet do not resolve, and then etcd ends.
      startLimitIntervalSec = 0;
      path = [
        config.services.etcd.package
        pkgs.jq
      ];
      preStart = ''
        began=${began} state_file=/run/etcd/state.env
        others=${
          lib.concatMapStringsSep "," (name: url name 2379) (
            lib.remove cfg.node.name cfg.controlPlane.nodes
          )
        }
        . ${./etcd-begin.sh}
      '';
      serviceConfig = import ../../lib/hardening.nix // {
        # What the second one says holds: it is there for a member that was added.
        EnvironmentFile = [
          cfg.mesh.environmentFile
          "-/run/etcd/state.env"
        ];
        RuntimeDirectory = "etcd";
        ExecStartPost = "+${pkgs.coreutils}/bin/install -D -m 0644 /dev/null ${began}";
        RestartSec = lib.mkForce 2;
        ReadWritePaths = [ config.services.etcd.dataDir ];
        # Members elect anew when heartbeats are late, and every write waits for the second quickest: pods that keep a node
        # busy must not be the reason.
        Nice = -10;
        CPUWeight = 1000;
      };
    };
  };
}
