# An Arm board. Its roles, addresses, keys and disks stand in ../cluster.toml; here is what only its hardware says.
{
  imports = [ ./disko.nix ];

  boot.initrd.availableKernelModules = [
    "nvme"
    "usbhid"
    "xhci_pci"
  ];
  networking.useDHCP = true;
}
