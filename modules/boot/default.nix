# How a node starts: measured, from a signed image, with disks that only its own TPM opens.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  present = cfg.inventory != null;
  self = cfg.cluster.nodes.${cfg.node.name};
  # A rented server has whatever firmware it has.
  own = present && !(cfg.cluster.nodes.${cfg.node.name} or { cloudInit = true; }).cloudInit;
  efi = lib.imap0 (n: _: n) self.disks.system;
in
{
  options.keystone.boot = {
    secureBoot.enable = mkOption {
      type = types.bool;
      default = own;
      defaultText = lib.literalMD "true, except on machines that cloud-init installs";
      description = ''
        Start signed images only (lanzaboote). The keys are made on the machine, once, with `sbctl create-keys`, and
        enrolled with `sbctl enroll-keys`; they never leave it.
      '';
    };
    tpmUnlock.enable = mkOption {
      type = types.bool;
      default = own;
      defaultText = lib.literalMD "true, except on machines that cloud-init installs";
      description = ''
        Open the system's disks by the machine's TPM 2.0: ZFS on LUKS, enrolled with
        `systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7`. Without Secure Boot this proves nothing.
      '';
    };
  };

  config = lib.mkIf present {
    # The default since 26.05; scripted stage 1 goes away in 26.11, and TPM and ZFS units need this one.
    boot.initrd.systemd.enable = lib.mkDefault true;
    # lanzaboote takes the place of systemd-boot and refuses to stand beside it.
    boot.loader.systemd-boot.enable = lib.mkDefault false;
    boot.loader.efi.canTouchEfiVariables = lib.mkDefault cfg.boot.secureBoot.enable;
    # Firmware of rented servers forgets its variables, and some of them boot by the removable path alone.
    boot.loader.grub = {
      enable = lib.mkDefault (!cfg.boot.secureBoot.enable);
      device = lib.mkDefault "nodev";
      efiSupport = lib.mkDefault true;
      efiInstallAsRemovable = lib.mkDefault true;
    };
    boot.lanzaboote = lib.mkIf cfg.boot.secureBoot.enable {
      enable = true;
      pkiBundle = lib.mkDefault "/var/lib/sbctl";
      # A second disk is of no use if only the first one boots.
      extraEfiSysMountPoints = map (n: "/boot-${toString n}") (lib.filter (n: n > 0) efi);
    };
    security.tpm2.enable = lib.mkDefault cfg.boot.tpmUnlock.enable;
    boot.initrd.systemd.tpm2.enable = lib.mkDefault cfg.boot.tpmUnlock.enable;

    assertions = [
      {
        assertion = cfg.boot.tpmUnlock.enable -> cfg.boot.secureBoot.enable;
        message = "keystone: keystone.boot.tpmUnlock.enable without keystone.boot.secureBoot.enable: the TPM would open ${cfg.node.name}'s disks to any system that someone starts on it. Turn Secure Boot on, or the unlocking off.";
      }
      {
        assertion = cfg.boot.secureBoot.enable -> !config.boot.loader.systemd-boot.enable;
        message = "keystone: boot.loader.systemd-boot.enable is on beside Secure Boot's lanzaboote; set it to false.";
      }
    ];
  };
}
