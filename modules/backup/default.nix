# Where backups go, and what is known of how. Receiving has its place on the disks; sending is not built, and says so.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg) backup;
  present = cfg.inventory != null;
  inherit (cfg.cluster.backup) targets;
  mine = lib.filterAttrs (_: target: target.kind == "node" && target.node == cfg.node.name) targets;
  isBackup = lib.elem "backup" cfg.node.roles;
  poolOf = dataset: lib.head (lib.splitString "/" dataset);
  below = dataset: lib.removePrefix "${poolOf dataset}/" dataset;
  # Without its disks a machine has no pool of ours.
  homeless = lib.filterAttrs (
    _: target: target.dataset != null && poolOf target.dataset != cfg.zfs.pool && !(config.disko.devices.zpool ? ${poolOf target.dataset})
  ) mine;
  whole = lib.filterAttrs (_: target: target.dataset != null && !(lib.hasInfix "/" target.dataset)) mine;
  housed = lib.filterAttrs (_: target: target.dataset != null && poolOf target.dataset == cfg.zfs.pool) mine;
in
{
  options.keystone.backup = {
    send.enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this node sends its data to the targets of the inventory. Not built yet, so it is refused.";
    };
    receive.enable = mkOption {
      type = types.bool;
      default = present && isBackup;
      defaultText = lib.literalMD "whether the node has the role `backup`";
      description = "Whether this node has the data sets that the inventory's targets name.";
    };
    datasets = mkOption {
      type = types.listOf types.str;
      default = lib.optionals cfg.zfs.enable [ "${cfg.zfs.pool}/safe" ];
      defaultText = lib.literalMD "`safe` of the system pool";
      example = [ "tank/photos" ];
      description = "Data sets that belong into a backup, with everything below them, as raw encrypted streams of their snapshots.";
    };
    recipients = mkOption {
      type = types.listOf (types.strMatching "age1[02-9ac-hj-np-z]{58}");
      default = [ ];
      example = [ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj" ];
      description = ''
        To whom a backup outside the cluster is encrypted: the primers' common recipient, whose private key exists nowhere,
        so that two primers must agree to read one. A node can write backups and read none.
      '';
    };
    schedule = mkOption {
      type = types.str;
      default = "daily";
      example = "*-*-* 03:00:00";
      description = "When backups are to be made (systemd.time(7)).";
    };
  };

  config = lib.mkIf present (
    lib.mkMerge [
      {
        assertions = [
          {
            assertion = !backup.send.enable;
            message = "keystone: keystone.backup.send.enable is on, and sending backups is not built yet; nothing would be sent. Set it to false, and until then send by hand: zfs send -R -w DATASET@SNAPSHOT | ssh HOST zfs receive -u DATASET";
          }
        ];
      }
      (lib.mkIf backup.receive.enable {
        # Beside `safe` and `local`: neither snapshotted by this node, whose snapshots are those that come with the streams,
        # nor made anew. Nothing in it is ever mounted here, and a raw stream cannot be read here.
        disko.devices.zpool = lib.mkIf (cfg.zfs.enable && housed != { }) {
          ${cfg.zfs.pool}.datasets = lib.mapAttrs' (
            _: target:
            lib.nameValuePair (below target.dataset) {
              type = "zfs_fs";
              options = {
                mountpoint = "none";
                canmount = "off";
                readonly = "on";
              };
            }
          ) housed;
        };
        assertions = [
          {
            assertion = homeless == { };
            message = "keystone: ${
              lib.concatStringsSep "; " (
                lib.mapAttrsToList (name: target: "the backup target ${name} is ${target.dataset}") homeless
              )
            }, and ${cfg.node.name} has no such pool. Write ${cfg.zfs.pool}/backup in the inventory, or describe the pool in disko.devices.zpool.";
          }
          {
            assertion = whole == { };
            message = "keystone: the backup target ${lib.concatStringsSep ", " (lib.attrNames whole)} is a whole pool; name a data set of it, such as ${cfg.zfs.pool}/backup.";
          }
        ];
        warnings = [
          "keystone: ${cfg.node.name} has room for backups, and nothing brings any: sending, and receiving on port ${toString (lib.head cfg.services.backup.ports).from}, are not built yet. Until then, for each node: ssh NODE zfs send -R -w ${cfg.zfs.pool}/safe@SNAPSHOT | ssh ${cfg.node.name} zfs receive -u ${
            if housed == { } then "${cfg.zfs.pool}/backup" else (lib.head (lib.attrValues housed)).dataset
          }/NODE"
        ];
      })
    ]
  );
}
