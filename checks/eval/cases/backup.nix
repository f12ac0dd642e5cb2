# What of backups exists, and that the rest says so.
{
  evalHost,
  refuses,
  says,
  lib,
  ...
}:
let
  backup = evalHost { host = "backup-1"; };
  worker = evalHost { host = "worker-1"; };
  wrong = evalHost {
    host = "backup-1";
    modules = [
      {
        keystone.backup.send.enable = true;
        keystone.cluster.backup.targets = {
          vault.dataset = "tank/backup";
          all = {
            kind = "node";
            node = "backup-1";
            dataset = "rpool";
          };
        };
      }
    ];
  };
  set = backup.disko.devices.zpool.rpool.datasets.backup;
in
{
  "the target's data set exists, and nothing mounts or changes it" =
    set.options.mountpoint == "none" && set.options.canmount == "off" && set.options.readonly == "on";
  "it has no snapshots of this node" = !(backup.services.sanoid.datasets ? "rpool/backup");
  "other nodes have none" = !(worker.disko.devices.zpool.rpool.datasets ? backup);
  "what belongs into a backup" = {
    got = worker.keystone.backup.datasets;
    want = [ "rpool/safe" ];
  };
  "a pool that the node does not have is refused" = refuses wrong "the backup target vault is tank/backup";
  "a whole pool is refused" = refuses wrong "the backup target all is a whole pool";
  "sending is not built, and refused" = refuses wrong "sending backups is not built yet";
  "the backup node says that nothing is sent, and what to do" =
    says "zfs receive -u rpool/backup/NODE" backup.warnings && !(says "backups" worker.warnings);
}
