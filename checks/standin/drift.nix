# What the stand-in needs beyond its own drift; see README.md.
{ config, lib, ... }:
{
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

  # The stand-in's bashInteractive has no program of that name, and sshd refuses people without a shell.
  users.defaultUserShell = lib.mkIf config.boot.isContainer (lib.mkForce "/bin/bash");
  users.users.root.shell = lib.mkIf config.boot.isContainer (lib.mkForce "/bin/bash");
}
