# What every node of a cluster has, whatever its role.
{ config, lib, ... }:
let
  cfg = config.keystone;
  present = cfg.inventory != null;
in
{
  imports = [
    ./firewall.nix
    ./ssh.nix
  ];

  options.keystone.base.autoUpgrade = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether the node rebuilds itself from `flake` every night. Off by default: nodes of a quorum that upgrade at the
        same moment take it down, and primers must not change while nobody looks.
      '';
    };
    flake = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "git+https://git.example.com/cluster";
      description = "The flake with this cluster.";
    };
  };

  config = lib.mkIf present {
    assertions = [
      {
        assertion = cfg.base.autoUpgrade.enable -> cfg.base.autoUpgrade.flake != null;
        message = "keystone: keystone.base.autoUpgrade.enable needs keystone.base.autoUpgrade.flake, the flake with this cluster.";
      }
    ];
    system.autoUpgrade = {
      enable = lib.mkDefault cfg.base.autoUpgrade.enable;
      flake = lib.mkIf (cfg.base.autoUpgrade.flake != null) cfg.base.autoUpgrade.flake;
      # Not all members of a quorum at once, and nothing reboots by itself.
      randomizedDelaySec = lib.mkDefault "6h";
      allowReboot = lib.mkDefault false;
    };

    nix.settings = {
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      allowed-users = [ "@wheel" ];
      trusted-users = [ "root" ];
    };
    nix.gc = {
      automatic = lib.mkDefault config.nix.enable;
      dates = lib.mkDefault "weekly";
      options = lib.mkDefault "--delete-older-than 30d";
    };

    # Certificates, tokens and etcd's leases are wrong with a wrong clock.
    services.timesyncd.enable = lib.mkDefault true;
    time.timeZone = lib.mkDefault "UTC";

    # Names of the mesh are answered by tailscaled through resolved.
    services.resolved.enable = true;

    # The journal is on the system pool; the log agent ships it, so a bounded copy is enough.
    services.journald.extraConfig = ''
      SystemMaxUse=2G
      SystemKeepFree=1G
      MaxRetentionSec=1month
    '';

    boot.tmp.cleanOnBoot = lib.mkDefault true;
    users.mutableUsers = lib.mkDefault false;
    # A node has no password anywhere: people come in by SSH key, or sit at the console with the recovery medium.
    users.allowNoPasswordLogin = lib.mkDefault true;
    security.sudo.wheelNeedsPassword = lib.mkDefault false;
  };
}
