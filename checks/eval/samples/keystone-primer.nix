# primer-node.nix
{ config, pkgs, ... }: {
  services.keystone-primer = {
    enable = true;
    role = "primer";
    cluster = {
      name = "production";
      peers = [
        "primer-1.internal:6443"
        "primer-2.internal:6443"
        "primer-3.internal:6443"
      ];
    };
    security = {
      # Store keys on encrypted ZFS dataset
      keyStorage = "/secure/keys";
      # Minimum primers required for key operations
      quorumSize = 2;
    };
    bootstrap = {
      # Generate initial secrets on first run
      autoInitialize = true;
      # Backup encryption key (store separately!)
      backupKeyPath = "/secure/backup.key";
    };
  };
  # Encrypted storage for sensitive data
  fileSystems."/secure" = {
    device = "tank/secure";
    fsType = "zfs";
    options = [ "encryption=on" ];
  };
}
