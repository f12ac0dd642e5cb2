# The host's firewall, from the service table, on both planes.
#
# tailscaled would accept whatever arrives on its interface ahead of these rules (its default netfilter mode, seen in
# util/linuxfw of tailscale 1.102); modules/mesh switches that off, so a port is open in the mesh only if the policy
# and this table both open it.
{ config, lib, ... }:
let
  cfg = config.keystone;
  mesh = cfg.mesh.interface;
  # Pods of this host reach it by these; the API behind its service address is one of the host's own ports.
  pods = [
    "cni0"
    "flannel.1"
  ];

  port = range: if range.from == range.to then toString range.from else "${toString range.from}-${toString range.to}";
  rule =
    name: service:
    let
      set = lib.concatMapStringsSep ", " port service.ports;
      plane =
        {
          mesh = "iifname \"${mesh}\" ";
          underlay = "iifname != { \"${mesh}\", ${lib.concatMapStringsSep ", " (i: "\"${i}\"") pods} } ";
          both = "iifname != { ${lib.concatMapStringsSep ", " (i: "\"${i}\"") pods} } ";
        }
        .${service.plane};
      what = if service.proto == "icmp" then "meta l4proto { 1, 58 }" else "${service.proto} dport { ${set} }";
    in
    "${plane}${what} accept comment \"${name}\"";

  served = lib.filterAttrs (_: service: service.served) cfg.services;
  prefixes = cfg.cluster.mesh.prefixes;
  own = lib.concatMapStringsSep ", " (i: "\"${i}\"") ([ "lo" mesh ] ++ pods);
in
{
  options.keystone.base.firewall.extraRules = lib.mkOption {
    type = lib.types.lines;
    default = "";
    example = "iifname \"eth0\" tcp dport 8080 accept";
    description = "Rules of nftables after those of the service table, in the chain of accepted input.";
  };

  config = lib.mkIf (cfg.inventory != null) {
    networking.nftables.enable = true;
    networking.firewall = {
      enable = true;
      # The service table alone says what is open; `ping` is one of its rows.
      allowPing = false;
      logRefusedConnections = lib.mkDefault false;
      extraInputRules = ''
        ${lib.concatStringsSep "\n" (lib.mapAttrsToList rule served)}
        ${lib.optionalString (lib.elem "control-plane" cfg.node.roles) "iifname { ${
          lib.concatMapStringsSep ", " (i: "\"${i}\"") pods
        } } tcp dport 6443 accept comment \"pods use the API\""}
        ${cfg.base.firewall.extraRules}
      '';
      # Replies may leave by the mesh while requests came from the underlay and the other way round.
      checkReversePath = lib.mkDefault "loose";
    };

    # Addresses of the mesh are believed only when they come out of the mesh. The kernel answers for any address of its
    # own on any interface, so the same holds for where packets are going.
    networking.nftables.tables.keystone-mesh = {
      family = "inet";
      content = ''
        chain prerouting {
          type filter hook prerouting priority raw; policy accept;
          iifname != { ${own} } ip saddr ${prefixes.v4} drop
          iifname != { ${own} } ip6 saddr ${prefixes.v6} drop
          iifname != { ${own} } ip daddr ${prefixes.v4} drop
          iifname != { ${own} } ip6 daddr ${prefixes.v6} drop
        }
      '';
    };

    assertions = [
      {
        assertion = config.networking.firewall.enable && config.networking.nftables.enable;
        message = "keystone: the host firewall is off; the mesh's policy alone would decide what reaches ${cfg.node.name}. Leave networking.firewall.enable and networking.nftables.enable on, and open ports by keystone.base.firewall.extraRules.";
      }
      {
        assertion = !lib.elem mesh config.networking.firewall.trustedInterfaces;
        message = "keystone: networking.firewall.trustedInterfaces has ${mesh}, so every port of ${cfg.node.name} would be open to whoever the policy lets in; take it out, and open ports by keystone.base.firewall.extraRules.";
      }
    ];
  };
}
