# A rented server. Its roles, addresses, keys and disks stand in ../cluster.toml; here is what only its hardware says.
{
  imports = [ ./disko.nix ];

  boot.initrd.availableKernelModules = [
    "virtio_pci"
    "virtio_scsi"
    "nvme"
  ];
  networking.useDHCP = true;
}
