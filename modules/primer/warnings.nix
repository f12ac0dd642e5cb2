# What a primer allows and says something about.
{ config, lib, ... }:
let
  cfg = config.keystone;
  inherit (cfg) primer;
  present = cfg.inventory != null;
  public = config.networking.firewall.allowedTCPPorts;
  ports = lib.concatMapStringsSep ", " toString public;
  swap = lib.filter (device: !device.randomEncryption.enable) config.swapDevices;
in
{
  config = lib.mkIf primer.enable {
    warnings =
      lib.optional (public != [ ])
        "keystone: networking.firewall.allowedTCPPorts opens ${ports} of the primer ${cfg.node.name} to everybody. Take the setting out: ${
          if present then
            "SSH and the primers' port are open in the mesh already, and keystone.base.ssh.dangerouslyOpenOnUnderlay opens SSH for the time of an installation"
          else
            "the primers' port is open on ${cfg.mesh.interface}, and networking.firewall.interfaces.${cfg.mesh.interface}.allowedTCPPorts = [ 22 ] with services.openssh.openFirewall = false does the same for SSH"
        }."
      ++
        lib.optional (primer.bootstrap.backupKeyPath != null)
          "keystone: keystone.primer.bootstrap.backupKeyPath (${toString primer.bootstrap.backupKeyPath}) gets a public key, the recipient of backups. No private backup key exists anywhere: ${toString primer.security.quorumSize} of ${toString (lib.length primer.cluster.peers)} primers together open a backup (keystone-primer decrypt-backup). What has to be stored separately are the primers' recovery slots."
      ++
        lib.optional config.system.autoUpgrade.enable
          "keystone: ${cfg.node.name} is a primer and upgrades itself; a primer that changes while nobody looks is no root of trust, and one that sleeps upgrades nothing. Set system.autoUpgrade.enable = false, and switch it when it is awake."
      ++
        lib.optional (primer._own == null)
          "keystone: ${cfg.node.name} is none of keystone.primer.cluster.peers (${lib.concatStringsSep ", " primer.cluster.peers}), so other primers will not find it. Set networking.hostName to one of these names, up to its first dot, or add it."
      ++
        lib.optional (present && lib.sort (a: b: a < b) primer.cluster.peers != primer._peersOfInventory)
          "keystone: keystone.primer.cluster.peers are not the inventory's primers (${lib.concatStringsSep ", " primer._peersOfInventory}); certificates have the names of the inventory. Take the setting out."
      ++
        lib.optional (swap != [ ])
          "keystone: the primer ${cfg.node.name} swaps to ${
            lib.concatMapStringsSep ", " (device: device.device) swap
          } in the clear, and opened shares are in memory. Set randomEncryption.enable = true for it, or use none.";
  };
}
