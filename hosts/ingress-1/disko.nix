# The disks come from the inventory ([nodes.ingress-1.disks]: single); modules/zfs turns them into disko.devices. What this
# machine's disks need besides stands here.
{
  keystone.zfs.espSize = "1G";
}
