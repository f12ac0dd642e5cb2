# Which snapshots are made, and that sanoid's own defaults decide nothing.
{ evalHost, lib }:
let
  config = evalHost { host = "worker-1"; };
  safe = config.services.sanoid.datasets."rpool/safe";
  with_ = module: evalHost {
    host = "storage-1";
    modules = [ module ];
  };
  # Messages of assertions that fail.
  refused = module: map (a: a.message) (lib.filter (a: !a.assertion) (with_ module).assertions);
  refuses = text: module: lib.any (lib.hasInfix text) (refused module);
  osd = "osd-nvme-storage-1-data-c/block";
in
{
  "snapshots: 24 hourly, 7 daily, 4 weekly, 12 monthly" =
    safe.hourly == 24 && safe.daily == 7 && safe.weekly == 4 && safe.monthly == 12;
  "snapshots: nothing of the policy is left to sanoid's defaults" =
    safe.frequently == 0 && safe.yearly == 0 && safe.autosnap && safe.autoprune;
  "snapshots: one moment for everything below safe" = safe.recursive == "zfs";
  "snapshots: sanoid runs in every hour" = config.services.sanoid.interval == "hourly";
  "snapshots: on every node" =
    lib.all (host: (evalHost { inherit host; }).services.sanoid.enable)
      [
        "primer-1"
        "control-1"
        "ingress-1"
        "monitor-1"
        "backup-1"
      ];
  "snapshots: neither OSDs nor what can be made anew, on a storage node" =
    lib.attrNames (evalHost { host = "storage-1"; }).services.sanoid.datasets == [ "rpool/safe" ];
  "snapshots: numbers can be changed for a node" =
    (with_ { keystone.cluster.snapshots.daily = 30; }).services.sanoid.datasets."rpool/safe".daily == 30;
  "snapshots: a data set can be added, with numbers of its own" =
    let
      added = with_ { keystone.snapshots.datasets."tank/photos".hourly = 0; };
      set = added.services.sanoid.datasets."tank/photos";
    in
    set.hourly == 0 && set.weekly == 4 && set.yearly == 0 && lib.all (a: a.assertion) added.assertions;
  "snapshots: an incomplete data set of services.sanoid is refused" =
    refuses "\"rpool/safe/db\" does not say monthly, weekly, frequently, yearly, autosnap, autoprune" {
      services.sanoid.datasets."rpool/safe/db" = {
        hourly = 24;
        daily = 7;
      };
    };
  "snapshots: a data set with a complete template is fine" =
    refused {
      services.sanoid = {
        templates.all = {
          frequently = 0;
          hourly = 1;
          daily = 1;
          weekly = 1;
          monthly = 1;
          yearly = 0;
          autosnap = true;
          autoprune = true;
        };
        datasets."tank/db".useTemplate = [ "all" ];
      };
    } == [ ];
  "snapshots: an OSD is refused" = refuses "belongs to Ceph" { keystone.snapshots.datasets.${osd} = { }; };
  "snapshots: what can be made anew is refused" =
    refuses "made anew" { keystone.snapshots.datasets."rpool/local/nix" = { }; }
    && refuses "made anew" { keystone.snapshots.datasets.rpool = { }; };
  "snapshots: NixOS' own snapshots beside sanoid are refused" =
    refuses "services.zfs.autoSnapshot" { services.zfs.autoSnapshot.enable = true; };
  "snapshots: can be switched off" =
    !(with_ { keystone.snapshots.enable = false; }).services.sanoid.enable;
}
