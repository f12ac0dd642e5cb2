# The disks come from the inventory ([nodes.monitor-1.disks]: raidz1); modules/zfs turns them into disko.devices. What this
# machine's disks need besides stands here.
{
  keystone.zfs.espSize = "1G";
}
