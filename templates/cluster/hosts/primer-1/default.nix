# What only primer-1 has: its hardware. Roles, disks, addresses and keys stand in ../cluster.toml.
{
  # CHANGE: what `nixos-generate-config --show-hardware-config` prints on the machine as boot.initrd.availableKernelModules.
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "xhci_pci"
  ];
}
