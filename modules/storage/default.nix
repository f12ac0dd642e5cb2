# Storage of the cluster: what a host does so that Ceph, which runs in Kubernetes (Rook), finds disks, and that pods on any
# node can mount its volumes.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
in
{
  imports = [ ./osd.nix ];

  options.keystone.storage = {
    enable = mkOption {
      type = types.bool;
      default = cfg.inventory != null && lib.elem "storage" cfg.node.roles && cfg.worker.enable;
      defaultText = lib.literalMD "whether the node has the role `storage` and runs a kubelet";
      description = "Whether this node gives disks to Ceph.";
    };
    client = mkOption {
      type = types.bool;
      default = cfg.worker.enable;
      defaultText = lib.literalExpression "config.keystone.worker.enable";
      description = "Whether pods of this node may mount volumes of Ceph.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf cfg.storage.client {
      # The drivers of Ceph run in containers that have no modules of this kernel, so the host loads them: block
      # devices, file systems, and block devices of images with features that only user space knows.
      boot.kernelModules = [
        "rbd"
        "ceph"
        "nbd"
      ];
      # Volumes of pods that came and went are nothing to go back to. A snapshot would keep each for a year.
      keystone.zfs.datasets."local/kubelet".mountpoint = "/var/lib/kubelet";
    })
    (lib.mkIf cfg.storage.enable {
      keystone.worker.labels."keystone.systems/storage" = "true";
      # Ceph's monitors keep their map here. One that is lost gets it from the others; one that went back to an old map
      # would argue with them.
      keystone.zfs.datasets."local/rook" = {
        mountpoint = "/var/lib/rook";
        recordsize = "16K";
      };
      assertions = [
        {
          assertion = cfg.worker.enable;
          message = "keystone: ${cfg.node.name} gives disks to Ceph and runs no kubelet, so no OSD would ever start there. Leave keystone.worker.enable on, or set keystone.storage.enable = false.";
        }
      ];
    })
  ];
}
