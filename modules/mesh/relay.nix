# A relay (DERP and STUN) on every primer and control-plane node.
#
# It admits those whom the local tailscaled knows as peers. The other way, asking Headscale, would shut every relay when
# the coordinator is away, which is when relays matter most; and that flag lets everybody in by default when it fails.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  name = cfg.mesh.relayName cfg.node.name;
  inherit (cfg.cluster.mesh) relay;
in
{
  options.keystone.mesh.relay.certificate = {
    certFile = lib.mkOption {
      type = lib.types.str;
      default = "${cfg.certificates.folder}/relay.crt";
      defaultText = lib.literalMD "`relay.crt` of the node's certificates, or ACME's, as `mesh.tls` says";
      description = "Certificate of the relay.";
    };
    keyFile = lib.mkOption {
      type = lib.types.str;
      default = "${cfg.certificates.folder}/relay.key";
      defaultText = lib.literalMD "beside the certificate";
      description = "Key of the certificate.";
    };
  };

  config = lib.mkIf cfg.mesh.relayHost {
    systemd.services.keystone-relay = {
      description = "Relay of the mesh (DERP, STUN)";
      after = [ "tailscaled.service" ];
      wants = [ "tailscaled.service" ];
      wantedBy = [ "multi-user.target" ];
      startLimitIntervalSec = 0;
      serviceConfig = {
        ExecStart = lib.concatStringsSep " " [
          "${config.services.tailscale.derper.package}/bin/derper"
          "-c %S/keystone-relay/derper.key"
          "-hostname ${name}"
          "-a :${toString relay.port}"
          "-http-port -1"
          "-stun -stun-port ${toString relay.stunPort}"
          "-certmode manual -certdir %d"
          "-verify-clients"
        ];
        LoadCredential = [
          "${name}.crt:${cfg.mesh.relay.certificate.certFile}"
          "${name}.key:${cfg.mesh.relay.certificate.keyFile}"
        ];
        DynamicUser = true;
        StateDirectory = "keystone-relay";
        StateDirectoryMode = "0700";
        Restart = "always";
        RestartSec = 2;
        AmbientCapabilities = lib.optional (relay.port < 1024) "CAP_NET_BIND_SERVICE";
        CapabilityBoundingSet = if relay.port < 1024 then [ "CAP_NET_BIND_SERVICE" ] else "";
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateUsers = relay.port >= 1024;
        ProcSubset = "pid";
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
          "AF_NETLINK"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
        ];
        UMask = "0077";
      };
    };
    # derper reads its certificate at start.
    systemd.paths.keystone-relay-certificate = {
      description = "Watch the relay's certificate";
      wantedBy = [ "multi-user.target" ];
      pathConfig.PathChanged = cfg.mesh.relay.certificate.certFile;
    };
    systemd.services.keystone-relay-certificate = {
      description = "Take the relay's new certificate";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${config.systemd.package}/bin/systemctl try-restart keystone-relay.service";
      };
    };
  };
}
