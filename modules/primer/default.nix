# Primers: they make the root of trust, start the cluster, and may then sleep.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  inherit (cfg) primer;
  present = cfg.inventory != null;
  rendered = lib.isAttrs primer.policy;
in
{
  imports = [
    ./assertions.nix
    ./compat.nix
    ./offline.nix
    ./options.nix
    ./properties.nix
    ./units.nix
    ./warnings.nix
  ];

  config = lib.mkIf primer.enable {
    # What `keystone-primer` reads, without being told where.
    environment.etc."keystone/primer.json".text = builtins.toJSON {
      schema = 1;
      node = cfg.node.name;
      inherit (primer) role port;
      cluster = primer.cluster.name;
      inherit (primer.cluster) peers;
      inherit (primer.security) keyStorage quorumSize;
      inventory = primer._inventory;
      backupRecipient = primer.bootstrap.backupKeyPath;
      inherit (primer) airGapped;
      policy = if rendered then "/etc/keystone/primer-policy.json" else primer.policy;
    };
    # It is read at every request, so nothing restarts for it.
    environment.etc."keystone/primer-policy.json" = lib.mkIf rendered {
      text = builtins.toJSON { inherit (primer.policy) unattendedProfiles unattendedActs; };
    };
    # After what the system brings, as programs of the same name there come first.
    # `recover` asks and restores etcd by its own programs.
    environment.systemPackages = lib.mkOrder 2000 [
      cfg.package
      pkgs.etcd
    ];

    # The service table opens the port in the mesh, whose policy lets primers in and nobody else. Without an inventory
    # there is no table; the mesh is the same.
    networking.firewall.interfaces = lib.mkIf (!present) {
      ${cfg.mesh.interface}.allowedTCPPorts = [ primer.port ];
    };

    # ZFS wants to know whose pools are whose: eight hexadecimal digits that differ between hosts (as modules/zfs).
    networking.hostId = lib.mkDefault (builtins.substring 0 8 (builtins.hashString "sha256" cfg.node.name));
    boot.zfs.forceImportRoot = lib.mkDefault false;

    # A machine that holds shares of a key does little else, and changes only when somebody looks.
    documentation.enable = lib.mkDefault false;
    environment.defaultPackages = lib.mkDefault [ ];
    hardware.bluetooth.enable = lib.mkDefault false;
    networking.wireless.enable = lib.mkDefault false;
    programs.command-not-found.enable = lib.mkDefault false;
    services.avahi.enable = lib.mkDefault false;
    services.printing.enable = lib.mkDefault false;
    services.udisks2.enable = lib.mkDefault false;
    services.openssh.settings.PermitRootLogin = lib.mkDefault "prohibit-password";
    # Nonces and opened shares are in memory only; a dump would put them on a disk.
    systemd.coredump.enable = lib.mkDefault false;
  };
}
