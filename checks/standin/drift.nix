# What the stand-in needs beyond its own drift; see README.md.
{ config, lib, ... }:
{
  # systemd mounts a service's credentials in a namespace of its own and lets the mount propagate. In a container it leaves
  # propagation to whoever made the container, and the stand-in makes everything private: no service would see them.
  system.activationScripts.shareMounts = lib.mkIf config.boot.isContainer "mount --make-rshared /";
}
