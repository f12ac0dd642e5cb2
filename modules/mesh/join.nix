# Joining the mesh, once. tailscaled keeps the node's identity from then on, so a spent key is not needed at a reboot.
#
# A key is single-use, carries the role's tags, and comes as secrets/mesh-join-<host>.age, or, while a machine is being
# installed, as /var/lib/keystone/mesh/join.age, encrypted to the node in the same way. The coordinator's own node has
# nobody to ask and makes its key over Headscale's local socket.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  secret = "mesh-join-${cfg.node.name}";
  fromAgenix = "${config.age.secretsDir}/${secret}";
  dropped = "/var/lib/keystone/mesh/join.age";
in
{
  config = lib.mkIf (cfg.inventory != null) {
    keystone.secrets.use.${secret} = {
      units = [ "keystone-mesh-join" ];
      # A node without it builds and boots, and its unit says what is missing.
      create = null;
    };
    systemd.tmpfiles.rules = [ "d /var/lib/keystone/mesh 0700 root root -" ];

    systemd.services.keystone-mesh-join = {
      description = "Join the mesh";
      after = [
        "tailscaled.service"
        "network.target"
      ];
      wants = [ "tailscaled.service" ];
      wantedBy = [ "multi-user.target" ];
      path = [
        config.services.tailscale.package
        pkgs.age
        pkgs.inotify-tools
        pkgs.jq
      ]
      ++ lib.optional cfg.mesh.coordinator.candidate config.services.headscale.package;
      serviceConfig = {
        # Waiting for a key must hold up neither boot nor a switch, so this is no oneshot.
        Type = "exec";
        RemainAfterExit = true;
        Restart = "on-failure";
        RestartSec = 3;
        NotifyAccess = "all";
        # Root only to read the identity, and on a coordinator to talk to Headscale's socket, which is another user's.
        CapabilityBoundingSet =
          if cfg.mesh.coordinator.candidate then [ "CAP_DAC_OVERRIDE" ] else [ "" ];
        ReadWritePaths = [ "/var/lib/keystone/mesh" ];
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
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
        RestrictAddressFamilies = [ "AF_UNIX" ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
        ];
        IPAddressDeny = "any";
        UMask = "0077";
      };
      environment = {
        KEYSTONE_NODE = cfg.node.name;
        KEYSTONE_MESH_URL = cfg.cluster.mesh.url;
        KEYSTONE_MESH_TAGS = lib.concatStringsSep "," cfg.mesh.tags;
        KEYSTONE_IDENTITY = cfg.secrets.identityFile;
        KEYSTONE_JOIN_KEYS = "${fromAgenix} ${dropped}";
        KEYSTONE_COORDINATOR_LEASE = lib.optionalString cfg.mesh.coordinator.candidate cfg.mesh.coordinator.lease;
      };
      script = builtins.readFile ./join.sh;
    };
  };
}
