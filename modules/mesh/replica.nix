# The coordinator's state on every candidate, all the time, and the lease that says who is the coordinator.
#
# The coordinator's litestream writes a log of transactions to its own disk; each standby reads it over SSH in the mesh and
# restores it as it grows. litestream 0.5 has one replica for each database (cmd/litestream/main.go), so one that pushes
# reaches one standby; and who may only read can not harm the coordinator. docs/decisions/0007-coordinator-lease.md.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  co = cfg.mesh.coordinator;
  inherit (cfg.cluster) mesh;
  hardening = import ../../lib/hardening.nix;
  account = "keystone-replica";
  shared = "/var/lib/keystone/replica";
  standby = "/var/lib/keystone/standby";
  database = config.services.headscale.settings.database.sqlite.path;
  hostKey = "/etc/ssh/ssh_host_ed25519_key";
  peers = removeAttrs cfg.mesh.candidates [ cfg.node.name ];
  known = lib.filterAttrs (_: node: node.sshHostKey != null) peers;
  yaml = (pkgs.formats.yaml { }).generate;

  settings = {
    node = cfg.node.name;
    inherit (mesh) url;
    host = cfg.mesh.urlHost;
    inherit (mesh.coordinator) port;
    state = builtins.dirOf co.lease;
    inherit shared standby database account;
    noise = "${config.age.secretsDir}/headscale-noise";
    policy = "/etc/headscale/policy.json";
    lock = "/run/keystone/coordinator.lock";
    identity = hostKey;
    peers = lib.mapAttrs (name: node: {
      meshName = "${name}.${mesh.baseDomain}";
      inherit (node) endpoint;
      hostKey = node.sshHostKey;
    }) known;
  };
  # What the verbs run.
  programs = [
    cfg.package
    config.services.headscale.package
    config.services.openssh.package
    config.services.tailscale.package
    pkgs.curl
    pkgs.litestream
    pkgs.sqlite
  ];
  verb = "${cfg.package}/bin/keystone-cluster mesh coordinator";
in
{
  options.keystone.mesh.coordinator.checkInterval = mkOption {
    type = types.str;
    # A look is a session of SSH, 0.1 s of a processor on each side: when each of six candidates asked each other one every
    # 10 s, that was a fifth of what a small cluster computed while it started.
    default = "30s";
    example = "1min";
    description = ''
      How often a candidate asks who is the coordinator: the coordinator asks all others, a standby asks the one that it
      follows, and all others when that one is silent or says something new. A coordinator that was lost, replaced and came
      back gives way within this time of reaching any of them.
    '';
  };

  config = lib.mkIf co.candidate {
    environment.etc."keystone/coordinator.json".text = builtins.toJSON settings;
    # For the verbs that come in over SSH. After what the system brings, as programs of the same name there come first.
    environment.systemPackages = lib.mkMerge [
      (lib.mkAfter (lib.remove cfg.package programs))
      (lib.mkOrder 2000 [ cfg.package ])
    ];

    # Standbys come in by their own host keys, which the inventory has, see two things and change nothing.
    users.users.${account} = {
      isSystemUser = true;
      # litestream gives its files the group of the database.
      group = config.services.headscale.group;
      home = "/var/empty";
      openssh.authorizedKeys.keys = lib.mapAttrsToList (
        _: node: "restrict,from=\"${mesh.prefixes.v4},${mesh.prefixes.v6}\" ${node.sshHostKey}"
      ) known;
    };
    services.openssh = {
      settings.AllowUsers = [ account ];
      extraConfig = lib.mkAfter ''
        Match User ${account}
          AuthenticationMethods publickey
          ChrootDirectory ${shared}
          DisableForwarding yes
          ForceCommand internal-sftp -R
          PermitTTY no
        Match All
      '';
    };
    systemd.tmpfiles.rules = [
      "d /var/lib/keystone 0755 root root -"
      # sshd refuses a root folder that anybody else may write to.
      "d ${shared} 0755 root root -"
      "d ${shared}/log 0750 ${config.services.headscale.user} ${config.services.headscale.group} -"
      "d ${standby} 0700 ${config.services.headscale.user} ${config.services.headscale.group} -"
    ];

    systemd.services.headscale = {
      after = [ "tailscaled.service" ];
      path = programs;
      serviceConfig = {
        # A coordinator that was away may have been replaced. A no skips the start, and is no failure.
        ExecCondition = "+${verb} check --starting";
        # The group reads the log.
        UMask = lib.mkForce "0027";
      };
    };

    systemd.services.keystone-coordinator-log = {
      description = "Log of the coordinator's transactions";
      after = [ "headscale.service" ];
      wantedBy = [ "headscale.service" ];
      unitConfig.ConditionPathExists = co.lease;
      startLimitIntervalSec = 0;
      serviceConfig = hardening // {
        ExecStart = "${pkgs.litestream}/bin/litestream replicate -no-expand-env -config ${
          yaml "coordinator-log.yml" {
            # Standbys follow transaction by transaction, and one that slept for an hour finds them compacted.
            l0-retention = "1h";
            dbs = [
              {
                path = database;
                replica = {
                  type = "file";
                  path = "${shared}/log";
                  sync-interval = "1s";
                };
              }
            ];
          }
        }";
        User = config.services.headscale.user;
        Group = config.services.headscale.group;
        UMask = "0027";
        ReadWritePaths = [
          (builtins.dirOf database)
          "${shared}/log"
        ];
        # SQLite maps the index of its write-ahead log.
        RestrictAddressFamilies = [ "AF_UNIX" ];
        IPAddressDeny = "any";
        Restart = "always";
        RestartSec = 1;
      };
    };

    systemd.services.keystone-coordinator-standby = {
      description = "Copy of the coordinator's state";
      after = [ "keystone-mesh.service" ];
      wantedBy = [ "keystone-mesh.target" ];
      unitConfig.ConditionPathExists = "!${co.lease}";
      startLimitIntervalSec = 0;
      path = [ pkgs.litestream ];
      serviceConfig = hardening // {
        ExecStart = "${verb} follow";
        User = config.services.headscale.user;
        Group = config.services.headscale.group;
        LoadCredential = [ "identity:${hostKey}" ];
        ReadWritePaths = [ standby ];
        Restart = "always";
        RestartSec = 2;
        # A coordinator that is away for long need not be asked as often.
        RestartSteps = 4;
        RestartMaxDelaySec = 15;
      };
    };

    systemd.services.keystone-coordinator-check = {
      description = "Ask the other candidates who is the coordinator";
      path = programs ++ [ config.systemd.package ];
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${verb} check";
      };
    };
    systemd.timers.keystone-coordinator-check = {
      description = "Ask the other candidates who is the coordinator, again and again";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnBootSec = "1s";
        OnUnitInactiveSec = co.checkInterval;
        AccuracySec = "1s";
      };
    };

    warnings = lib.mapAttrsToList (
      name: _:
      "keystone: ${name} may become the coordinator and has no sshHostKey in the inventory, so it can be no standby of ${cfg.node.name}. Add nodes.${name}.sshHostKey."
    ) (lib.filterAttrs (_: node: node.sshHostKey == null) peers);
  };
}
