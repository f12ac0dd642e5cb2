# From each data disk of the inventory one zvol, which is all of it that Ceph sees.
#
# A pool a disk: Ceph keeps its copies on different nodes, and a disk that dies should take one OSD with it, not all of
# them. A zvol and not a data set, as OSDs live on block devices only (Rook v1.20, Prerequisites).
{
  config,
  lib,
  utils,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  size = cfg.cluster.storage.osdSize;
  encrypted = cfg.boot.tpmUnlock.enable;
  enabled = cfg.storage.enable && cfg.zfs.enable;
  disks = lib.optionals enabled cfg.cluster.nodes.${cfg.node.name}.disks.data;

  # By the disk and not by a number, so that a disk that goes away renames no other. Names of pools know fewer characters
  # than names of disks (zpool(8)).
  poolOf =
    disk:
    "osd-"
    + lib.stringAsChars (c: if builtins.match "[A-Za-z0-9_.-]" c == null then "-" else c) (baseNameOf disk);
  eachPool = f: lib.listToAttrs (map (disk: lib.nameValuePair (poolOf disk) (f disk)) disks);
  partition = pool: config.disko.devices.disk.${pool}.content.partitions.zfs.device;
in
{
  options.keystone.storage = {
    pools = mkOption {
      type = types.listOf types.str;
      readOnly = true;
      default = map poolOf disks;
      defaultText = lib.literalMD "one a data disk";
      description = "Pools whose one zvol is Ceph's.";
    };
    devices = mkOption {
      type = types.listOf types.str;
      readOnly = true;
      default = map (pool: "/dev/zvol/${pool}/block") cfg.storage.pools;
      defaultText = lib.literalMD "the zvol of each data disk";
      description = "What Rook gets as `devices` of this node.";
    };
  };

  config = lib.mkIf enabled {
    disko.devices = {
      disk = eachPool (disk: {
        type = "disk";
        device = disk;
        content = {
          type = "gpt";
          partitions.zfs = {
            size = "100%";
            # LUKS below the pool: Ceph's own encryption puts LVM on the device, which does not know zvols
            # (openzfs/zfs#1336).
            content = import ../zfs/member.nix {
              name = poolOf disk;
              pool = poolOf disk;
              inherit encrypted;
              system = false;
            };
          };
        };
      });
      zpool = eachPool (
        disk:
        let
          zvol = "${poolOf disk}/block";
        in
        {
          type = "zpool";
          options = {
            ashift = "12";
            autotrim = "on";
          };
          rootFsOptions = {
            compression = "lz4";
            mountpoint = "none";
          };
          # Here and not as a volume of disko, which wants a size in the configuration, and only the machine knows the
          # disk's. Not sparse: an OSD that is told that its disk is full loses nothing, one that finds out does.
          postCreateHook = ''
            if ! zfs list ${zvol} >/dev/null 2>&1; then
              zfs create -V ${
                if size != null then
                  size
                else
                  "$(( $(zfs get -Hpo value available ${poolOf disk}) / 10 * 9 ))"
              } -o volblocksize=16K -o volmode=dev -o primarycache=metadata ${zvol}
            fi
          '';
        }
      );
    };

    boot.zfs.extraPools = cfg.storage.pools;
    # Opened when the system runs, and not before it starts: a data disk that died must not keep the node down.
    environment.etc = lib.mkIf encrypted {
      crypttab.text = lib.concatMapStrings (pool: ''
        ${pool} ${partition pool} - nofail,tpm2-device=auto
      '') cfg.storage.pools;
    };
    systemd.services = lib.mkIf (encrypted && config.boot.zfs.enabled) (
      lib.listToAttrs (
        map (
          pool:
          lib.nameValuePair "zfs-import-${pool}" {
            after = [ "systemd-cryptsetup@${utils.escapeSystemdPath pool}.service" ];
          }
        ) cfg.storage.pools
      )
    );
  };
}
