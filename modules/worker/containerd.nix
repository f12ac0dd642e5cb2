# containerd, as NixOS sets it up for kubelet.
{ config, lib, ... }:
let
  cfg = config.keystone;
in
{
  config = lib.mkIf cfg.worker.enable {
    virtualisation.containerd.enable = true;

    assertions = [
      {
        # With `infinity` Ceph's daemons close millions of descriptors one by one, get slow, and monitors lose their
        # quorum (Rook v1.20, Documentation/Getting-Started/Prerequisites/prerequisites.md, section NixOS).
        assertion = !(config.systemd.services.containerd.serviceConfig ? LimitNOFILE);
        message = "keystone: systemd.services.containerd.serviceConfig.LimitNOFILE is set, and Ceph's monitors lose their quorum with a large one. Take it out, systemd's default is right.";
      }
    ];
  };
}
