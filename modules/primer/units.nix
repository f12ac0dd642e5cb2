# The primer's units: the folder of the keys, the first initialisation, the daemon.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  inherit (cfg) primer;
  present = cfg.inventory != null;
  program = "${cfg.package}/bin/keystone-primer";
  inherit (primer.security) keyStorage;
  backup = primer.bootstrap.backupKeyPath;
  # Folders that have to be there, with the file systems below them mounted, before anything starts.
  folders = [ keyStorage ] ++ lib.optional (backup != null) (dirOf backup);

  unitConfig.RequiresMountsFor = folders;
  # Two primers that began by themselves could not join each other.
  first = primer._own != null && primer._own == lib.head primer.cluster.peers;

  hardening = import ../../lib/hardening.nix // {
    ReadWritePaths = folders;
    # Shares may be sealed to the machine's TPM.
    PrivateDevices = false;
    DevicePolicy = "closed";
    DeviceAllow = [ "/dev/tpmrm0 rw" ];
    LimitCORE = 0;
    WorkingDirectory = keyStorage;
  };

  # Data sets that somebody wants to be encrypted, below the folder of the keys.
  encrypted = lib.filter (fs: fs._encrypted && lib.hasPrefix "${fs.mountPoint}/" "${keyStorage}/") (
    lib.attrValues config.fileSystems
  );
in
{
  config = lib.mkIf primer.enable {
    systemd.services = {
      keystone-primer-storage = {
        description = "Folder of the primer's keys";
        unitConfig.RequiresMountsFor = folders;
        path = lib.optional (encrypted != [ ]) config.boot.zfs.package;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        script = ''
          ${lib.concatMapStrings (fs: ''
            if [ "$(zfs get -H -o value encryption ${lib.escapeShellArg fs.device})" = off ]; then
              echo ${lib.escapeShellArg "${fs.device} is not encrypted, and no option of a mount can change that; create it anew: zfs create -o encryption=on -o keyformat=passphrase -o mountpoint=legacy ${fs.device}"} >&2
              exit 1
            fi
          '') encrypted}
          install -d -m 0700 ${lib.escapeShellArg keyStorage}
          mkdir -p ${lib.escapeShellArgs folders}
        '';
      };

      keystone-primer-init = lib.mkIf (primer.bootstrap.autoInitialize && first) {
        description = "Begin the root of trust on this primer";
        requires = [ "keystone-primer-storage.service" ];
        after = [ "keystone-primer-storage.service" ];
        wantedBy = [ "multi-user.target" ];
        unitConfig = unitConfig // {
          # Whatever is there already, complete or not, is for a person to look at.
          ConditionDirectoryNotEmpty = "!${keyStorage}";
        };
        serviceConfig = hardening // {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${program} init --cluster ${primer.cluster.name}";
          # It prints tokens with which primers join, and what is printed would stay in the journal.
          StandardOutput = "null";
          PrivateNetwork = true;
          RestrictAddressFamilies = [ "AF_UNIX" ];
        };
      };

      keystone-primer = {
        description = "Ceremonies of the root of trust";
        requires = [ "keystone-primer-storage.service" ];
        after = [
          "keystone-primer-storage.service"
          "keystone-primer-init.service"
          (if present then "keystone-mesh.service" else "network-online.target")
        ];
        wants = [ (if present then "keystone-mesh.service" else "network-online.target") ];
        wantedBy = [ (if present then "keystone-mesh.target" else "multi-user.target") ];
        inherit unitConfig;
        restartTriggers = [ config.environment.etc."keystone/primer.json".text ];
        startLimitIntervalSec = 0;
        serviceConfig =
          hardening
          // {
            ExecStart = "${program} serve";
            Restart = "on-failure";
            RestartSec = 2;
          }
          # With it the program listens in the mesh only.
          // lib.optionalAttrs present { EnvironmentFile = cfg.mesh.environmentFile; };
      };
    };
  };
}
