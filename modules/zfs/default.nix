# ZFS on every node: the system pool as disko makes it from the inventory's disks, scrubbing, and who may import what.
{
  config,
  lib,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  self = cfg.cluster.nodes.${cfg.node.name};
  disks = self.disks;
  enabled = cfg.inventory != null && cfg.zfs.enable;

  # The least number of disks for which a layout means anything.
  least = {
    single = 1;
    mirror = 2;
    raidz1 = 3;
    raidz2 = 4;
  };
  mode = if disks.layout == "single" then "" else disks.layout;
  numbered = lib.imap0 (n: device: { inherit n device; }) disks.system;

  dataset = mountpoint: options: {
    type = "zfs_fs";
    inherit mountpoint;
    options = {
      mountpoint = "legacy";
    }
    // options;
  };
in
{
  options.keystone.zfs = {
    enable = mkOption {
      type = types.bool;
      # A host that the inventory does not have is told so, and not that it has no disks.
      default = cfg.inventory != null && cfg.cluster.nodes ? ${cfg.node.name};
      defaultText = lib.literalMD "whether the inventory has this host";
      description = ''
        Whether the node's system lies on a ZFS pool that disko makes from the inventory's disks. Off for a machine whose
        disks somebody else lays out.
      '';
    };
    pool = mkOption {
      type = types.str;
      default = "rpool";
      readOnly = true;
      description = "The system pool.";
    };
    espSize = mkOption {
      type = types.str;
      default = "1G";
      description = "Size of the boot partition on each system disk.";
    };
    datasets = mkOption {
      type = types.attrsOf (types.attrsOf types.anything);
      default = { };
      example = lib.literalExpression ''{ "safe/db" = { mountpoint = "/var/lib/db"; recordsize = "16K"; }; }'';
      description = ''
        Data sets of the system pool besides the usual ones: `mountpoint`, and properties of ZFS as text. What lies below
        `safe` is snapshotted and backed up; what lies below `local` can be made anew.
      '';
    };
  };

  config = lib.mkIf enabled {
    boot.supportedFilesystems.zfs = true;
    # Eight hexadecimal digits that differ between hosts and stay the same for one; ZFS refuses a pool of another host.
    networking.hostId = lib.mkDefault (builtins.substring 0 8 (builtins.hashString "sha256" cfg.node.name));
    # Forcing an import of a pool that another machine may have open destroys it. The default turns to false in 26.11.
    boot.zfs.forceImportRoot = false;
    boot.zfs.forceImportAll = false;
    services.zfs = {
      autoScrub = {
        enable = true;
        interval = lib.mkDefault "monthly";
      };
      trim.enable = lib.mkDefault true;
    };

    disko.devices = {
      disk = lib.listToAttrs (
        map (
          disk:
          lib.nameValuePair "system-${toString disk.n}" {
            type = "disk";
            inherit (disk) device;
            content = {
              type = "gpt";
              partitions = {
                esp = {
                  size = cfg.zfs.espSize;
                  type = "EF00";
                  content = {
                    type = "filesystem";
                    format = "vfat";
                    # The others are kept alike by lanzaboote (extraEfiSysMountPoints).
                    mountpoint = if disk.n == 0 then "/boot" else "/boot-${toString disk.n}";
                    mountOptions = [
                      "umask=0077"
                      "nofail"
                    ];
                  };
                };
                zfs = {
                  size = "100%";
                  content = import ./member.nix {
                    name = "system-${toString disk.n}";
                    inherit (cfg.zfs) pool;
                    encrypted = cfg.boot.tpmUnlock.enable;
                    system = true;
                  };
                };
              };
            };
          }
        ) numbered
      );
      zpool.${cfg.zfs.pool} = {
        type = "zpool";
        inherit mode;
        options = {
          ashift = "12";
          autotrim = "on";
        };
        rootFsOptions = {
          compression = "lz4";
          acltype = "posixacl";
          xattr = "sa";
          atime = "off";
          mountpoint = "none";
        };
        datasets = {
          "local" = {
            type = "zfs_fs";
            options.mountpoint = "none";
          };
          "safe" = {
            type = "zfs_fs";
            options.mountpoint = "none";
          };
          "local/nix" = dataset "/nix" { };
          "safe/root" = dataset "/" { };
          "safe/var" = dataset "/var" { };
        }
        # etcd writes small records and waits for each.
        // lib.optionalAttrs (lib.elem "control-plane" cfg.node.roles) {
          "safe/etcd" = dataset "/var/lib/etcd" { recordsize = "16K"; };
        }
        // lib.optionalAttrs cfg.node.kubernetes {
          "local/containerd" = dataset "/var/lib/containerd" { };
        }
        // lib.mapAttrs (_: set: dataset set.mountpoint (removeAttrs set [ "mountpoint" ])) cfg.zfs.datasets;
      };
    };
    # agenix reads the node's identity in /etc/age before anything else is mounted.
    fileSystems."/".neededForBoot = true;
    fileSystems."/var".neededForBoot = true;

    assertions = [
      {
        # 2.3.3 mends the corruption of blocks cloned while encrypted pools are sent (openzfs/zfs release notes).
        assertion = lib.versionAtLeast (lib.getVersion config.boot.zfs.package) "2.3.3";
        message = "keystone: ZFS is ${lib.getVersion config.boot.zfs.package}; nodes need at least 2.3.3. Set boot.zfs.package to a newer one.";
      }
      {
        assertion = lib.length disks.system >= least.${disks.layout};
        message = "keystone: ${cfg.node.name} has ${toString (lib.length disks.system)} system disks, and the layout ${disks.layout} needs ${toString least.${disks.layout}}; add disks to [nodes.${cfg.node.name}.disks] or choose another layout.";
      }
    ];
  };
}
