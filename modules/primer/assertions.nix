# What a primer refuses, and why.
{ config, lib, ... }:
let
  cfg = config.keystone;
  inherit (cfg) primer;
  present = cfg.inventory != null;
  inherit (primer.cluster) peers;
  n = lib.length peers;
  k = primer.security.quorumSize;
  table = (lib.head cfg.services.primer.ports).from;
in
{
  config = lib.mkIf primer.enable {
    assertions = [
      {
        assertion = primer.cluster.name != null;
        message = "keystone: keystone.primer.cluster.name is not set; it stands in the names of the cluster's authorities and never changes. Set it, for example to \"production\".";
      }
      {
        assertion = n >= 3 && n <= 15 && lib.mod n 2 == 1;
        message = "keystone: keystone.primer.cluster.peers has ${toString n} primers; there have to be 3, 5, … or 15. With fewer than three, one lost machine loses the root; an even number bears no more losses than one less; above fifteen, ceremonies take too many people.";
      }
      {
        assertion = 2 * k > n && k < n;
        message = "keystone: keystone.primer.security.quorumSize is ${toString k} with ${toString n} primers; it has to be more than half, so that two halves cannot sign apart, and fewer than all, so that one lost primer does not lose the root: ${toString (n / 2 + 1)}${
          lib.optionalString (n / 2 + 1 < n - 1) " to ${toString (n - 1)}"
        }.";
      }
      {
        assertion = lib.length (lib.unique peers) == n;
        message = "keystone: keystone.primer.cluster.peers names a primer twice (${lib.concatStringsSep ", " peers}); one machine would count as two in a quorum. Take one of them out.";
      }
      {
        assertion = !lib.hasPrefix builtins.storeDir primer.security.keyStorage;
        message = "keystone: keystone.primer.security.keyStorage is ${primer.security.keyStorage}, in the store, which everybody reads. Give a folder as text, such as \"/secure/keys\".";
      }
      {
        assertion = !lib.isAttrs primer.policy || primer.policy.unattendedActs == [ ];
        message = "keystone: keystone.primer.policy would let ${lib.concatStringsSep ", " primer.policy.unattendedActs} happen on ${cfg.node.name} without a person, which only a lab may; the daemon would not start. Take unattendedActs out of it, and approve with keystone-primer approve ID.";
      }
    ]
    ++ lib.optionals present [
      {
        assertion = lib.elem primer.role cfg.node.roles;
        message = "keystone: keystone.primer.role is \"${primer.role}\", and the inventory gives ${cfg.node.name} the roles ${lib.concatStringsSep ", " cfg.node.roles}; no other primer would know it. Add \"${primer.role}\" to roles of [nodes.${cfg.node.name}] in the inventory, or set keystone.primer.enable = false.";
      }
      {
        assertion = primer.cluster.name == cfg.cluster.cluster.name;
        message = "keystone: keystone.primer.cluster.name is \"${toString primer.cluster.name}\", and the inventory calls the cluster \"${cfg.cluster.cluster.name}\". Take the setting out, or change cluster.name in the inventory.";
      }
      {
        assertion = k == cfg.cluster.secrets.quorumSize;
        message = "keystone: keystone.primer.security.quorumSize is ${toString k}, and secrets.quorumSize of the inventory ${toString cfg.cluster.secrets.quorumSize}; primers that disagree sign nothing. Take the setting out, or change the inventory.";
      }
      {
        assertion = primer.port == table;
        message = "keystone: ${toString primer._own} of keystone.primer.cluster.peers has the port ${toString primer.port}, and the firewall and the mesh's policy open ${toString table} between primers. Use ${toString table}.";
      }
    ];
  };
}
