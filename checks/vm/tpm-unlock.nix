# The machine's own TPM opens its disk in stage 1, with the options that modules/zfs gives to every system disk, and no
# longer once the measured state has changed.
{ self, lib, ... }:
let
  disks = self.nixosConfigurations.primer-1.config.disko.devices.disk;
  inherit (disks.system-0.content.partitions.zfs.content.settings) crypttabExtraOpts;
in
{
  name = "tpm-unlock";
  nodes.machine =
    { lib, pkgs, ... }:
    {
      boot.initrd.systemd.enable = true;
      boot.initrd.availableKernelModules = [ "tpm_tis" ];
      boot.loader.systemd-boot.enable = true;
      security.tpm2.enable = true;
      virtualisation = {
        emptyDiskImages = [ 512 ];
        mountHostNixStore = true;
        tpm.enable = true;
        useBootLoader = true;
        useEFIBoot = true;
      };
      environment.systemPackages = [
        pkgs.cryptsetup
        pkgs.tpm2-tools
      ];
      specialisation.sealed.configuration = {
        boot.initrd.luks.devices = lib.mkVMOverride {
          system-0 = {
            device = "/dev/vdb";
            inherit crypttabExtraOpts;
          };
        };
        virtualisation.rootDevice = "/dev/mapper/system-0";
        virtualisation.fileSystems."/".autoFormat = true;
      };
    };

  testScript = ''
    options = "${lib.concatStringsSep "," crypttabExtraOpts}"
    attach = f"systemd-cryptsetup attach again /dev/vdb - {options},headless=true"

    machine.start()
    machine.wait_for_unit("multi-user.target")

    with subtest("a disk is enrolled as the documentation of tpmUnlock says"):
        assert "tpm2-device=auto" in options and "tpm2-measure-pcr=yes" in options, options
        machine.succeed("printf recovery | cryptsetup luksFormat --batch-mode --iter-time 1 /dev/vdb -")
        machine.succeed("PASSWORD=recovery systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7 /dev/vdb")
        machine.succeed(attach)
        machine.succeed("systemd-cryptsetup detach again")

    with subtest("stage 1 opens it, and nobody types anything"):
        machine.succeed("bootctl set-default nixos-generation-1-specialisation-sealed.conf && sync")
        machine.crash()
        machine.start()
        machine.wait_for_unit("multi-user.target")
        assert machine.succeed("findmnt --noheadings --output SOURCE /").strip() == "/dev/mapper/system-0"

    with subtest("with another measured state, the TPM keeps the key"):
        machine.succeed("bootctl set-default nixos-generation-1.conf && sync")
        machine.crash()
        machine.start()
        machine.wait_for_unit("multi-user.target")
        machine.succeed(attach)
        machine.succeed("systemd-cryptsetup detach again")
        machine.succeed("tpm2_pcrextend 7:sha256=$(printf 1%.0s $(seq 64))")
        machine.fail(attach)

    with subtest("the recovery key still opens it"):
        machine.succeed("printf recovery | cryptsetup open --key-file - /dev/vdb again")
  '';
}
