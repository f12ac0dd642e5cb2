# etcd: one member on every control-plane node, over TLS, in the mesh only; on primers too, where a cluster begins there.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg) etcd;
  hand = cfg.certificates.use.etcd;
  ca = "${cfg.trust}/etcd-ca.crt";
  # `keystone-cluster rotate-keys --revoke` writes it when it is first needed.
  revoked = "etcd-ca.crl";
  # A mark beside the data, which stays when the data is lost.
  began = "/var/lib/keystone/etcd-began";
  # One of a member that ended by itself and without a fault.
  ended = "/run/etcd/ended";
  # And one of a primer's member that was taken out.
  left = "/var/lib/etcd/left";
  url = name: port: "https://${name}.${cfg.cluster.mesh.baseDomain}:${toString port}";

  # A cluster that was restored runs on the control plane.
  onPrimers = etcd.beginsOn == "primers" && etcd.restored == null;
  isPrimer = onPrimers && cfg.primer.enable && !cfg.controlPlane.enable;
  primers = lib.attrNames (lib.filterAttrs (_: node: lib.elem "primer" node.roles) cfg.cluster.nodes);
  founders = if onPrimers then primers else cfg.controlPlane.nodes;
  others = lib.remove cfg.node.name (
    lib.unique (cfg.controlPlane.nodes ++ lib.optionals onPrimers primers)
  );
in
{
  options.keystone.etcd = {
    enable = mkOption {
      type = types.bool;
      default = cfg.inventory != null && (cfg.controlPlane.enable || isPrimer);
      defaultText = lib.literalMD "on nodes of the control plane, and on primers where `beginsOn` says so";
      description = "Whether this node runs a member of etcd.";
    };
    beginsOn = mkOption {
      type = types.enum [
        "control-plane"
        "primers"
      ];
      default = "control-plane";
      example = "primers";
      description = ''
        Where the first quorum of etcd is, for the whole cluster. On `primers` the API is served before the control plane
        votes, and `keystone-primer handoff` moves everything over. When that is done the line may go.
      '';
    };
    servers = mkOption {
      type = types.listOf types.str;
      internal = true;
      readOnly = true;
      # A learner sends its client on to a member that votes (clientv3, retry_interceptor.go), and so does one that is off.
      default = [ "https://127.0.0.1:2379" ] ++ lib.optionals onPrimers (map (name: url name 2379) primers);
      description = "Whom this node's API server asks.";
    };
    restored = mkOption {
      type = types.nullOr (types.strMatching "[0-9]{12}-[0-9a-f]{4}");
      default = null;
      example = "202611270755-3fa1";
      description = ''
        What `keystone-primer recover --mode quorum-restore` says when etcd was given a quorum again. etcd then runs from the
        folder `/var/lib/etcd-LABEL`, which has to be copied there first, as a cluster of its own; the folder before stays as
        it is.
      '';
    };
  };

  config = lib.mkIf etcd.enable {
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
      initialCluster = map (name: "${name}=${url name 2380}") founders;
      # A cluster that was restored is another one: whoever still runs the old one is a stranger to it.
      initialClusterToken =
        cfg.cluster.cluster.name + lib.optionalString (etcd.restored != null) "-${etcd.restored}";
      dataDir = lib.mkIf (etcd.restored != null) "/var/lib/etcd-${etcd.restored}";
      initialClusterState = lib.mkIf (etcd.restored != null) (lib.mkDefault "existing");
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
        began=${began} ended=${ended} left=${left} state_file=/run/etcd/state.env
        others=${lib.concatMapStringsSep "," (name: url name 2379) others}
        founder=${lib.optionalString (lib.elem cfg.node.name founders) "1"}
        primer=${lib.optionalString isPrimer "1"}
        . ${./begin.sh}
      '';
      serviceConfig = import ../../lib/hardening.nix // {
        # What the second one says holds: it is there for a member that was added.
        EnvironmentFile = [
          cfg.mesh.environmentFile
          "-/run/etcd/state.env"
        ];
        RuntimeDirectory = "etcd";
        RuntimeDirectoryPreserve = "restart";
        ExecStopPost = pkgs.writeShellScript "etcd-ended" ''
          [ "$EXIT_CODE $EXIT_STATUS" != "exited 0" ] || touch ${ended}
        '';
        # A primer's member that was taken out stays off. Nobody can be asked here, as there are no credentials yet.
        ExecCondition = lib.mkIf isPrimer (
          pkgs.writeShellScript "etcd-left" ''
            [ ! -e ${left} ] || { echo "the control plane has taken over from this primer (${left})"; exit 1; }
          ''
        );
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
