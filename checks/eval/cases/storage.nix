# Data disks become zvols of pools of their own, and every node of Kubernetes can mount what Ceph offers.
{
  evalHost,
  refuses,
  lib,
  ...
}:
let
  storage = evalHost { host = "storage-1"; };
  worker = evalHost { host = "worker-1"; };
  primer = evalHost { host = "primer-1"; };
  changed = evalHost {
    host = "storage-1";
    modules = [
      {
        keystone.cluster.storage.osdSize = "4TiB";
        keystone.boot.tpmUnlock.enable = false;
      }
    ];
  };
  wrong = evalHost {
    host = "storage-1";
    modules = [
      {
        services.kubernetes.kubelet.extraOpts = lib.mkForce "--node-ip=\${KEYSTONE_MESH_IP}";
        systemd.services.containerd.serviceConfig.LimitNOFILE = "infinity";
      }
    ];
  };
  bare = evalHost {
    host = "storage-1";
    modules = [
      {
        keystone.worker.enable = false;
        keystone.storage.enable = true;
      }
    ];
  };
  pool = "osd-nvme-storage-1-data-c";
  inherit (storage.disko) devices;
  hook = devices.zpool.${pool}.postCreateHook;
  partition = devices.disk.${pool}.content.partitions.zfs.content;
  loads = host: lib.all (name: lib.elem name host.boot.kernelModules);
  optionsOf = host: host.services.kubernetes.kubelet.extraOpts;
in
{
  "a pool for each data disk, named after the disk" = {
    got = storage.keystone.storage.pools;
    want = [
      pool
      "osd-nvme-storage-1-data-d"
    ];
  };
  "disko makes them of those disks" =
    devices.disk.${pool}.device == "/dev/disk/by-id/nvme-storage-1-data-c"
    && lib.all (name: devices.zpool ? ${name}) storage.keystone.storage.pools;
  "Rook gets zvols" = lib.head storage.keystone.storage.devices == "/dev/zvol/${pool}/block";
  "a zvol has nine tenths of its disk" =
    lib.hasInfix "available ${pool}) / 10 * 9" hook && lib.hasInfix " ${pool}/block\n" hook;
  "or the size that the inventory says" =
    lib.hasInfix "zfs create -V 4TiB " changed.disko.devices.zpool.${pool}.postCreateHook;
  "the host never looks into a zvol, and it is not sparse" =
    lib.hasInfix "-o volmode=dev" hook && !(lib.hasInfix " -s" hook);
  "encrypted below the pool, as the system is" =
    partition.type == "luks" && partition.content.pool == pool;
  "without a TPM there is no LUKS" =
    changed.disko.devices.disk.${pool}.content.partitions.zfs.content.type == "zfs"
    && !(changed.environment.etc ? crypttab);
  "a dead data disk does not keep the node down" =
    !partition.initrdUnlock
    && !(storage.boot.initrd.luks.devices ? ${pool})
    && lib.hasInfix "${pool} /dev/disk/by-partlabel/" storage.environment.etc.crypttab.text
    && lib.all (lib.hasInfix " - nofail,") (
      lib.filter (line: line != "") (lib.splitString "\n" storage.environment.etc.crypttab.text)
    );
  "pools are imported once they are opened" =
    lib.elem pool storage.boot.zfs.extraPools
    &&
      lib.elem "systemd-cryptsetup@osd\\x2dnvme\\x2dstorage\\x2d1\\x2ddata\\x2dc.service"
        storage.systemd.services."zfs-import-${pool}".after;
  "the system pool is opened by the initrd" =
    devices.zpool.rpool.mode == "mirror"
    && devices.disk.system-0.content.partitions.zfs.content.initrdUnlock;
  "modules of the kernel, wherever pods run" =
    lib.all (host: loads host [ "ceph" "rbd" "nbd" "br_netfilter" ]) [
      storage
      worker
    ]
    && !(loads primer [ "rbd" ]);
  "only storage nodes have pools and the label" =
    worker.keystone.storage.pools == [ ]
    && primer.keystone.storage.pools == [ ]
    && lib.hasInfix "keystone.systems/storage=true" (optionsOf storage)
    && !(lib.hasInfix "keystone.systems/storage" (optionsOf worker));
  "volumes of pods and maps of monitors are not snapshotted" =
    storage.fileSystems."/var/lib/kubelet".device == "rpool/local/kubelet"
    && storage.fileSystems."/var/lib/rook".device == "rpool/local/rook"
    && !(primer.fileSystems ? "/var/lib/kubelet");
  # NixOS' own is /var/lib/kubernetes, while charts of storage drivers mount below /var/lib/kubelet.
  "another root folder of kubelet is refused" = refuses wrong "--root-dir=/var/lib/kubelet";
  # Rook v1.20, Prerequisites, section NixOS.
  "a large LimitNOFILE of containerd is refused" = refuses wrong "LimitNOFILE";
  "a node without kubelet gives no disks" = refuses bare "runs no kubelet";
}
