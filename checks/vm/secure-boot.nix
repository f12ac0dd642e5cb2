# A node starts signed images only: installed while there are no keys yet, keys made on the machine and enrolled as the
# option's description says, and an image that was changed afterwards is refused by the firmware.
{ lib, ... }:
{
  name = "secure-boot";
  nodes.backup1 =
    { pkgs, ... }:
    {
      imports = [ ./parts/node.nix ];
      networking.hostName = "backup-1";
      keystone = {
        boot.secureBoot.enable = true;
        boot.tpmUnlock.enable = false;
        # The machine's one disk is the test's.
        zfs.enable = false;
      };
      # The image is made before the machine has keys.
      boot.lanzaboote = {
        allowUnsigned = true;
        extraEfiSysMountPoints = lib.mkForce [ ];
      };
      virtualisation = {
        memorySize = 2048;
        useBootLoader = true;
        useEFIBoot = true;
        useSecureBoot = true;
      };
      environment.systemPackages = [ pkgs.sbctl ];
    };

  testScript = ''
    def secure_boot() -> str:
        said = backup1.succeed("bootctl status 2>/dev/null")
        return next(line for line in said.splitlines() if "Secure Boot:" in line)


    backup1.start()
    backup1.wait_for_unit("multi-user.target")

    with subtest("firmware without keys starts anything"):
        assert "disabled" in secure_boot(), secure_boot()

    with subtest("keys are made on the machine, and the next generation is signed"):
        backup1.succeed("sbctl create-keys")
        backup1.succeed("sbctl enroll-keys --yes-this-might-brick-my-machine")
        backup1.succeed("NIXOS_INSTALL_BOOTLOADER=1 /run/current-system/bin/switch-to-configuration boot")
        assert backup1.succeed("stat -c %a /var/lib/sbctl/keys/db/db.key").strip() in ("400", "600")
        unsigned = backup1.execute("sbctl verify | grep -F 'is not signed' | grep -v nixos/kernel")[1]
        assert unsigned == "", unsigned

    with subtest("with keys, the signed image starts"):
        backup1.shutdown()
        backup1.start()
        backup1.wait_for_unit("multi-user.target")
        assert "enabled (user)" in secure_boot(), secure_boot()

    with subtest("a changed image does not start"):
        backup1.succeed(
            "for image in /boot/EFI/Linux/*.efi; do"
            " printf x | dd of=$image bs=1 seek=4096 conv=notrunc status=none; done; sync"
        )
        backup1.crash()
        backup1.start()
        backup1.wait_for_console_text("(Access [Dd]enied|Security [Vv]iolation)")
  '';
}
