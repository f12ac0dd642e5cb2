# Which snapshots are made, and that sanoid's own defaults decide nothing.
{
  evalHost,
  failed,
  refuses,
  lib,
  ...
}:
let
  worker = evalHost { host = "worker-1"; };
  storage = evalHost { host = "storage-1"; };
  safe = worker.services.sanoid.datasets."rpool/safe";
  complete = {
    frequently = 0;
    hourly = 1;
    daily = 1;
    weekly = 1;
    monthly = 1;
    yearly = 0;
    autosnap = true;
    autoprune = true;
  };
  changed = evalHost {
    host = "storage-1";
    modules = [
      {
        keystone.cluster.snapshots.daily = 30;
        keystone.snapshots.datasets."tank/photos".hourly = 0;
        services.sanoid = {
          templates.all = complete;
          datasets."tank/db".useTemplate = [ "all" ];
        };
      }
    ];
  };
  wrong = evalHost {
    host = "storage-1";
    modules = [
      {
        services.sanoid.datasets."rpool/safe/db" = {
          hourly = 24;
          daily = 7;
        };
        services.zfs.autoSnapshot.enable = true;
        keystone.snapshots.datasets = {
          "osd-nvme-storage-1-data-c/block" = { };
          "rpool/local/nix" = { };
          rpool = { };
        };
      }
    ];
  };
  off = evalHost {
    host = "worker-1";
    modules = [ { keystone.snapshots.enable = false; } ];
  };
in
{
  "24 hourly, 7 daily, 4 weekly, 12 monthly" = {
    got = { inherit (safe) hourly daily weekly monthly; };
    want = {
      hourly = 24;
      daily = 7;
      weekly = 4;
      monthly = 12;
    };
  };
  "nothing of the policy is left to sanoid's defaults" =
    safe.frequently == 0 && safe.yearly == 0 && safe.autosnap && safe.autoprune;
  "one moment for everything below safe" = safe.recursive == "zfs";
  "sanoid runs in every hour" = worker.services.sanoid.interval == "hourly";
  "snapshots on every kind of node" =
    lib.all (host: (evalHost { inherit host; }).services.sanoid.enable)
      [
        "primer-1"
        "control-1"
        "ingress-1"
        "monitor-1"
        "backup-1"
      ];
  "neither OSDs nor what can be made anew, on a storage node" = {
    got = lib.attrNames storage.services.sanoid.datasets;
    want = [ "rpool/safe" ];
  };
  "numbers can be changed for a node" = changed.services.sanoid.datasets."rpool/safe".daily == 30;
  "a data set can be added, with numbers of its own" =
    let
      set = changed.services.sanoid.datasets."tank/photos";
    in
    set.hourly == 0 && set.daily == 30 && set.weekly == 4 && set.yearly == 0;
  "a data set with a complete template is fine" = {
    got = failed changed;
    want = [ ];
  };
  "an incomplete data set of services.sanoid is refused" =
    refuses wrong "\"rpool/safe/db\" does not say monthly, weekly, frequently, yearly, autosnap, autoprune";
  "an OSD is refused" =
    refuses wrong "osd-nvme-storage-1-data-c/block would have snapshots, and belongs to Ceph";
  "what can be made anew is refused" = refuses wrong "rpool, rpool/local/nix would have snapshots";
  "NixOS' own snapshots beside sanoid are refused" = refuses wrong "services.zfs.autoSnapshot";
  "snapshots can be switched off" = !off.services.sanoid.enable;
}
