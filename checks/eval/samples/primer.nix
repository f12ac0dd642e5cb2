{ config, pkgs, ... }: {
  imports = [ ./keystone-primer.nix ];
  # ZFS for encrypted key storage
  boot.supportedFilesystems = [ "zfs" ];
  # Minimal services for security
  services.openssh.enable = true;
  services.openssh.settings.PermitRootLogin = "prohibit-password";
  # Firewall: only primer mesh and SSH
  networking.firewall.allowedTCPPorts = [ 22 6443 ];
  # Automatic security updates
  system.autoUpgrade.enable = true;
}
