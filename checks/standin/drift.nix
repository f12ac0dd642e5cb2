# What the stand-in needs beyond its own drift; see README.md.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  # systemd-boot asks the kernel for this, and the stand-in's has no features at all.
  kernels = pkgs.linuxPackages // {
    kernel = pkgs.linuxPackages.kernel // {
      features.efiBootStub = true;
    };
    extend = _: kernels;
  };
in
{
  boot.kernelPackages = lib.mkIf config.boot.loader.systemd-boot.enable kernels;

  # disko writes its scripts with the first; machines of tests, which have a package set already, need neither.
  nixpkgs.overlays = lib.mkIf (!(options.virtualisation ? test)) [
    (_: prev: {
      writers = prev.writers // {
        makeScriptWriter = _: name: text: prev.writeScript (baseNameOf name) text;
      };
      # A package of nixpkgs that no module of NixOS names, so the stand-in does not know of it; all of its packages have
      # the same programs.
      kube-router = prev.flannel;
    })
  ];

  # systemd mounts a service's credentials in a namespace of its own and lets the mount propagate. In a container it leaves
  # propagation to whoever made the container, and the stand-in makes everything private: no service would see them.
  system.activationScripts.shareMounts = lib.mkIf config.boot.isContainer "mount --make-rshared /";

  # Debian's sshd separates privileges in a folder that Debian's own unit makes.
  systemd.tmpfiles.rules = lib.mkIf config.boot.isContainer [ "d /run/sshd 0755 root root -" ];

  # PAM's modules of NixOS lie in packages that the stand-in does not have. Keys alone let people in here.
  security.pam.services.sshd.text = lib.mkIf config.boot.isContainer (
    lib.mkForce ''
      auth required /usr/lib/x86_64-linux-gnu/security/pam_deny.so
      account required /usr/lib/x86_64-linux-gnu/security/pam_permit.so
      session required /usr/lib/x86_64-linux-gnu/security/pam_permit.so
    ''
  );

  # iana-etc is a stand-in without files, and nft shows protocols as numbers without this one.
  environment.etc.protocols = lib.mkIf config.boot.isContainer (lib.mkForce {
    text = ''
      ip 0 IP
      icmp 1 ICMP
      tcp 6 TCP
      udp 17 UDP
      ipv6-icmp 58 IPv6-ICMP
      sctp 132 SCTP
    '';
  });

  # The stand-in's bashInteractive has no program of that name, and sshd refuses people without a shell.
  users.defaultUserShell = lib.mkIf config.boot.isContainer (lib.mkForce "/bin/bash");
  users.users.root.shell = lib.mkIf config.boot.isContainer (lib.mkForce "/bin/bash");
}
