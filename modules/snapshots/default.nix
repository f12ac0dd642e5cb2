# Snapshots of what cannot be made anew, by sanoid, as often and as long as [snapshots] of the inventory says.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg.zfs) pool;

  # How many of each are kept.
  kinds = {
    hourly = "hours";
    daily = "days";
    weekly = "weeks";
    monthly = "months";
  };
  kept = lib.mapAttrs (
    kind: _:
    mkOption {
      type = types.ints.unsigned;
      default = cfg.cluster.snapshots.${kind};
      defaultText = lib.literalMD "`snapshots.${kind}` of the inventory";
      example = 0;
      description = "How many ${kind} snapshots are kept.";
    }
  ) kinds;

  # What sanoid fills in by itself where a data set leaves it out (sanoid.defaults.conf of 2.3): 48 hourly, 90 daily, no
  # weekly, 6 monthly, and pruning on.
  needed = lib.attrNames kinds ++ [
    "frequently"
    "yearly"
    "autosnap"
    "autoprune"
  ];
  sets = lib.optionalAttrs config.services.sanoid.enable config.services.sanoid.datasets;
  left =
    set:
    let
      says = key: lib.any (from: (from.${key} or null) != null) (
        [ set ] ++ map (name: config.services.sanoid.templates.${name} or { }) (set.use_template or [ ])
      );
    in
    lib.filter (key: !says key) needed;
  incomplete = lib.filterAttrs (_: missing: missing != [ ]) (lib.mapAttrs (_: left) sets);

  below = parent: name: name == parent || lib.hasPrefix "${parent}/" name;
  osds = lib.filter (name: lib.any (osd: below osd name) cfg.storage.pools) (lib.attrNames sets);
  renewable = lib.filter (
    name: below "${pool}/local" name || (name == pool && sets.${name}.recursive != false)
  ) (lib.attrNames sets);
in
{
  options.keystone.snapshots = {
    enable = mkOption {
      type = types.bool;
      default = cfg.zfs.enable;
      defaultText = lib.literalExpression "config.keystone.zfs.enable";
      description = "Whether snapshots are made, and old ones removed.";
    };
    datasets = mkOption {
      default = { };
      example = lib.literalExpression ''{ "tank/photos" = { hourly = 0; daily = 31; }; }'';
      description = ''
        Data sets with snapshots. What lies below `safe` of the system pool is always one of them; name it here to keep
        something else of it.
      '';
      type = types.attrsOf (
        types.submodule {
          options = kept // {
            recursive = mkOption {
              type = types.bool;
              default = true;
              description = ''
                Whether everything below it belongs to the same snapshot, taken at one moment. What is below cannot have
                numbers of its own then.
              '';
            };
          };
        }
      );
    };
  };

  config = lib.mkIf (cfg.inventory != null) {
    keystone.snapshots.datasets = lib.mkIf cfg.zfs.enable { "${pool}/safe" = { }; };

    services.sanoid = lib.mkIf cfg.snapshots.enable {
      enable = true;
      # An hourly snapshot is made only when sanoid runs in that hour.
      interval = "hourly";
      datasets = lib.mapAttrs (
        _: set:
        lib.getAttrs (lib.attrNames kinds) set
        // {
          frequently = 0;
          yearly = 0;
          autosnap = true;
          autoprune = true;
          # "zfs": by one transaction of the pool, so that /, /var and etcd's data fit together after a rollback.
          recursive = if set.recursive then "zfs" else false;
        }
      ) cfg.snapshots.datasets;
    };

    systemd.services.sanoid = lib.mkIf cfg.snapshots.enable {
      # A container has no ZFS, and nothing to snapshot.
      unitConfig.ConditionPathExists = "/dev/zfs";
    };

    assertions = [
      {
        assertion = incomplete == { };
        message = "keystone: ${
          lib.concatStringsSep "; " (
            lib.mapAttrsToList (
              name: missing:
              "services.sanoid.datasets.\"${name}\" does not say ${lib.concatStringsSep ", " missing}"
            ) incomplete
          )
        }, and sanoid's own defaults (90 daily, no weekly) would remove snapshots that the policy keeps. Use keystone.snapshots.datasets, which says all.";
      }
      {
        # Going back to a snapshot of one OSD takes away writes that Ceph has told its clients are on disk.
        assertion = osds == [ ];
        message = "keystone: ${lib.concatStringsSep ", " osds} would have snapshots, and belongs to Ceph, which has no use for an OSD of yesterday. Take it out of keystone.snapshots.datasets; volumes are snapshotted inside the cluster.";
      }
      {
        assertion = renewable == [ ];
        message = "keystone: ${lib.concatStringsSep ", " renewable} would have snapshots, and holds what can be made anew (/nix, images), which fills the pool. Name data sets below ${pool}/safe in keystone.snapshots.datasets.";
      }
      {
        assertion = config.services.sanoid.enable -> !config.services.zfs.autoSnapshot.enable;
        message = "keystone: services.zfs.autoSnapshot.enable is on beside sanoid, and both would make and remove snapshots of the same data sets. Set it to false, or keystone.snapshots.enable to false.";
      }
    ];
  };
}
