# Data disks become zvols of pools of their own, and every node of Kubernetes can mount what Ceph offers.
{ evalHost, lib }:
let
  config = evalHost { host = "storage-1"; };
  worker = evalHost { host = "worker-1"; };
  primer = evalHost { host = "primer-1"; };
  with_ = module: evalHost {
    host = "storage-1";
    modules = [ module ];
  };
  refuses =
    text: module:
    lib.any (a: !a.assertion && lib.hasInfix text a.message) (with_ module).assertions;
  pool = "osd-nvme-storage-1-data-c";
  inherit (config.disko) devices;
  hook = devices.zpool.${pool}.postCreateHook;
  partition = devices.disk.${pool}.content.partitions.zfs.content;
  modules = [
    "ceph"
    "rbd"
    "nbd"
    "br_netfilter"
  ];
in
{
  "storage: a pool for each data disk, named after the disk" =
    config.keystone.storage.pools == [
      pool
      "osd-nvme-storage-1-data-d"
    ]
    && lib.all (name: devices.zpool ? ${name}) config.keystone.storage.pools
    && devices.disk.${pool}.device == "/dev/disk/by-id/nvme-storage-1-data-c";
  "storage: Rook gets zvols" =
    lib.head config.keystone.storage.devices == "/dev/zvol/${pool}/block";
  "storage: the zvol has nine tenths of the disk" =
    lib.hasInfix "available ${pool}) / 10 * 9" hook && lib.hasInfix "${pool}/block" hook;
  "storage: or the size that the inventory says" =
    lib.hasInfix "-V 4TiB "
      (with_ { keystone.cluster.storage.osdSize = "4TiB"; }).disko.devices.zpool.${pool}.postCreateHook;
  "storage: the host never looks into the zvol, and it is not sparse" =
    lib.hasInfix "-o volmode=dev" hook && !(lib.hasInfix "-s " hook);
  "storage: encrypted below the pool, as the system is" =
    partition.type == "luks" && partition.content.pool == pool;
  "storage: a dead data disk does not keep the node down" =
    !partition.initrdUnlock
    && !(config.boot.initrd.luks.devices ? ${pool})
    && lib.hasInfix "${pool} /dev/disk/by-partlabel/" config.environment.etc.crypttab.text
    && lib.hasInfix "nofail" config.environment.etc.crypttab.text;
  "storage: pools are imported once they are opened" =
    lib.elem pool config.boot.zfs.extraPools
    && lib.elem "systemd-cryptsetup@osd\\x2dnvme\\x2dstorage\\x2d1\\x2ddata\\x2dc.service" config.systemd.services."zfs-import-${pool}".after;
  "storage: without a TPM there is no LUKS" =
    let
      plain = with_ { keystone.boot.tpmUnlock.enable = false; };
    in
    plain.disko.devices.disk.${pool}.content.partitions.zfs.content.type == "zfs" && !(plain.environment.etc ? crypttab);
  "storage: the system pool stays as it was" =
    devices.zpool.rpool.mode == "mirror" && devices.disk.system-0.content.partitions.zfs.content.initrdUnlock;
  "storage: modules of the kernel, wherever pods run" =
    lib.all (m: lib.elem m config.boot.kernelModules) modules
    && lib.all (m: lib.elem m worker.boot.kernelModules) modules
    && !(lib.elem "rbd" primer.boot.kernelModules);
  "storage: only storage nodes have pools and the label" =
    worker.keystone.storage.pools == [ ]
    && primer.keystone.storage.pools == [ ]
    && lib.hasInfix "keystone.systems/storage=true" config.services.kubernetes.kubelet.extraOpts
    && !(lib.hasInfix "keystone.systems/storage" worker.services.kubernetes.kubelet.extraOpts);
  "storage: volumes of pods and maps of monitors are not snapshotted" =
    config.fileSystems."/var/lib/kubelet".device == "rpool/local/kubelet"
    && config.fileSystems."/var/lib/rook".device == "rpool/local/rook"
    && !(primer.fileSystems ? "/var/lib/kubelet");
  "storage: kubelet's own root folder is refused" =
    refuses "--root-dir=/var/lib/kubelet" {
      services.kubernetes.kubelet.extraOpts = lib.mkForce "--node-ip=\${KEYSTONE_MESH_IP}";
    };
  "storage: a large LimitNOFILE of containerd is refused" =
    refuses "LimitNOFILE" { systemd.services.containerd.serviceConfig.LimitNOFILE = "infinity"; };
  "storage: a node without kubelet gives no disks" =
    refuses "runs no kubelet" { keystone.worker.enable = lib.mkForce false; };
}
