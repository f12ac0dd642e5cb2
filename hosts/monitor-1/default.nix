# A server. Its roles, addresses, keys and disks stand in ../cluster.toml; here is what only its hardware says.
{
  imports = [ ./disko.nix ];

  boot.initrd.availableKernelModules = [
    "nvme"
    "ahci"
    "xhci_pci"
  ];
  networking.useDHCP = true;
}
