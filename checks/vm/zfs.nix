# The disks of a host as modules/zfs and disko lay them out: formatted by disko's own script, with the properties that the
# inventory and the modules ask for, whole after a lost disk, and closed to a machine that they do not belong to.
{ self, lib, ... }:
let
  # primer-1: a mirror. Its disks are the machine's own here, and nothing seals them (vm-tpm-unlock does).
  host = self.nixosConfigurations.primer-1.extendModules {
    modules = [
      {
        keystone.boot.tpmUnlock.enable = lib.mkForce false;
        keystone.cluster.nodes.primer-1.disks.system = lib.mkForce [
          "/dev/vdb"
          "/dev/vdc"
        ];
      }
    ];
  };
  inherit (host) config;
  pool = config.keystone.zfs.pool;
  datasets = lib.filterAttrs (_: set: set.options.mountpoint == "legacy") config.disko.devices.zpool.${pool}.datasets;
in
{
  name = "zfs";
  nodes.machine =
    { pkgs, ... }:
    {
      boot.supportedFilesystems.zfs = true;
      networking.hostId = host.config.networking.hostId;
      virtualisation = {
        memorySize = 2048;
        emptyDiskImages = [
          4096
          4096
        ];
      };
      # What disko's script calls, built with the machine.
      system.extraDependencies = [ host.config.system.build.formatScript ];
      environment.systemPackages = [ pkgs.util-linux ];
    };

  testScript = ''
    pool = "${pool}"


    def zfs(name: str, what: str) -> str:
        return machine.succeed(f"zfs get -H -o value {what} {name}").strip()


    machine.wait_for_unit("multi-user.target")

    with subtest("disko makes the pool of the inventory's disks"):
        machine.succeed("${config.system.build.formatScript}")
        status = machine.succeed(f"zpool status {pool}")
        assert "mirror-0" in status and "ONLINE" in status, status
        assert machine.succeed(f"zpool get -H -o value ashift {pool}").strip() == "12"

    with subtest("data sets have their properties"):
        assert zfs(pool, "compression") == "lz4"
        assert zfs(pool, "atime") == "off"
        for name in "${lib.concatStringsSep " " (lib.attrNames datasets)}".split():
            assert zfs(f"{pool}/{name}", "mountpoint") == "legacy", name

    with subtest("every write is there when a disk is lost"):
        machine.succeed(f"mkdir -p /mnt && mount -t zfs {pool}/safe/root /mnt")
        machine.succeed("head -c 64M /dev/urandom > /mnt/data && sha256sum /mnt/data > /tmp/sum && sync")
        machine.succeed(f"umount /mnt && zpool export {pool}")
        machine.succeed("wipefs --all --force /dev/vdc?* /dev/vdc && udevadm settle")
        machine.succeed(f"zpool import {pool} && mount -t zfs {pool}/safe/root /mnt")
        machine.succeed("sha256sum --check /tmp/sum")
        assert "DEGRADED" in machine.succeed(f"zpool status {pool}")
        machine.succeed(f"zpool scrub -w {pool}")
        assert "with 0 errors" in machine.succeed(f"zpool status {pool}")

    with subtest("another machine does not import what this one has open"):
        # As after a crash: not exported. The other machine is this one by another hostId.
        machine.succeed("umount /mnt")
        machine.crash()
        machine.start()
        machine.wait_for_unit("multi-user.target")
        machine.succeed("modprobe zfs && rm -f /etc/hostid && zgenhostid 0badcafe && echo 0x0badcafe > /sys/module/spl/parameters/spl_hostid")
        said = machine.fail(f"zpool import {pool} 2>&1")
        assert "previously in use from another system" in said, said
  '';
}
