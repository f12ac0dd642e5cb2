# The host firewalls and the mesh's policy say the same. For every ordered pair of roles: what the policy lets through
# (checks/golden/reachability.json, of which mesh/policy.json is the other form) is what the service table has for the two,
# and the firewall of the one that serves has it open in the mesh. vm-access tries it with packets.
{
  evalHost,
  cluster,
  lib,
  ...
}:
let
  inherit (cluster.inventory) nodes;
  reachability = lib.importJSON ../../golden/reachability.json;
  hostOf = role: lib.findFirst (name: lib.elem role nodes.${name}.roles) null (lib.attrNames nodes);
  roles = lib.filter (role: hostOf role != null) (
    map (lib.removePrefix "role:") (lib.filter (lib.hasPrefix "role:") (lib.attrNames reachability.classes))
  );
  config = lib.genAttrs roles (role: evalHost { host = hostOf role; });
  services = role: config.${role}.keystone.services;
  mesh = "tailscale0";

  # ---- ports, as lists of { proto, from, to } -------------------------------------------------------------------------
  ofTable = service: map (port: { inherit (service) proto; inherit (port) from to; }) (
    if service.proto == "icmp" then [ { from = 0; to = 0; } ] else service.ports
  );
  ofPolicy = entry: map (port: { inherit (entry) proto; from = lib.head port; to = lib.last port; }) (
    if entry.proto == "icmp" then [ [ 0 0 ] ] else entry.ports
  );
  # One line of nftables, as modules/base writes them.
  ofRule =
    line:
    let
      ports = builtins.match ".* (tcp|udp) dport \\{ ([0-9, -]+) } accept .*" line;
      range = text: lib.splitString "-" text;
    in
    if ports != null then
      map (text: {
        proto = lib.head ports;
        from = lib.toInt (lib.head (range text));
        to = lib.toInt (lib.last (range text));
      }) (lib.splitString ", " (lib.last ports))
    else if lib.hasInfix "meta l4proto { 1, 58 } accept" line then
      [ { proto = "icmp"; from = 0; to = 0; } ]
    else
      throw "checks/eval/cases/firewall.nix cannot read the rule: ${line}";

  # Neighbours become one: 2379 and 2380 are 2379-2380.
  merged = lib.foldl' (
    done: one:
    let
      last = lib.last done;
    in
    if done != [ ] && last.proto == one.proto && one.from <= last.to + 1 then
      lib.init done ++ [ (last // { to = lib.max last.to one.to; }) ]
    else
      done ++ [ one ]
  ) [ ];
  joined = ports: merged (lib.sort (a: b: a.proto < b.proto || a.proto == b.proto && a.from < b.from) ports);
  within = wide: one: wide.proto == one.proto && wide.from <= one.from && one.to <= wide.to;
  # What is in the second list and not in the first.
  beyond =
    wide:
    let
      known = joined wide;
    in
    lib.filter (one: !lib.any (other: within other one) known);
  show = one: "${one.proto} ${toString one.from}-${toString one.to}";

  # ---- the three places ---------------------------------------------------------------------------------------------
  policy =
    from: to:
    lib.concatMap ofPolicy (
      lib.filter (entry: entry.from == "role:${from}" && entry.to == "role:${to}") reachability.entries
    );
  table =
    from: to:
    lib.concatMap ofTable (
      lib.filter (
        service: service.plane != "underlay" && lib.elem to service.servers && lib.elem from service.clients
      ) (lib.attrValues (services to))
    );
  lines = role: lib.filter (lib.hasInfix " accept") (lib.splitString "\n" config.${role}.networking.firewall.extraInputRules);
  # For one interface, its rules say `iifname "it"`; those for all but some name the others in a set.
  inMesh = role: lib.filter (line: !lib.hasPrefix "iifname {" line && (lib.hasPrefix ''iifname "${mesh}"'' line || !lib.hasInfix mesh line)) (lines role);
  outside = role: lib.filter (lib.hasPrefix "iifname != {") (lines role);
  open = role: lib.concatMap ofRule (inMesh role);

  pairs = lib.cartesianProduct {
    from = roles;
    to = roles;
  };
in
lib.listToAttrs (
  lib.concatMap (pair: [
    (lib.nameValuePair "${pair.from} -> ${pair.to}: the policy has what the service table has" {
      got = map show (beyond (policy pair.from pair.to) (table pair.from pair.to));
      want = [ ];
    })
    (lib.nameValuePair "${pair.from} -> ${pair.to}: the policy has nothing else" {
      got = map show (beyond (table pair.from pair.to) (policy pair.from pair.to));
      want = [ ];
    })
    (lib.nameValuePair "${pair.from} -> ${pair.to}: the firewall opens what the policy lets through" {
      got = map show (beyond (open pair.to) (policy pair.from pair.to));
      want = [ ];
    })
  ]) pairs
)
// lib.listToAttrs (
  lib.concatMap (role: [
    (lib.nameValuePair "${role}: the firewall opens nothing in the mesh that no role and no person uses" {
      got = map show (
        beyond (lib.concatMap ofPolicy (lib.filter (entry: entry.to == "role:${role}") reachability.entries)) (open role)
      );
      want = [ ];
    })
    (lib.nameValuePair "${role}: outside of the mesh, only what the table has there" {
      got = map show (
        beyond (lib.concatMap ofTable (
          lib.filter (service: service.plane != "mesh" && lib.elem role service.servers) (lib.attrValues (services role))
        )) (lib.concatMap ofRule (outside role))
      );
      want = [ ];
    })
    (lib.nameValuePair "${role}: no option of NixOS opens a port beside the table" {
      got = {
        inherit (config.${role}.networking.firewall)
          allowedTCPPorts
          allowedTCPPortRanges
          allowedUDPPorts
          allowedUDPPortRanges
          interfaces
          trustedInterfaces
          ;
      };
      want = {
        allowedTCPPorts = [ ];
        allowedTCPPortRanges = [ ];
        allowedUDPPorts = [ ];
        allowedUDPPortRanges = [ ];
        interfaces = { };
        trustedInterfaces = [ "lo" ];
      };
    })
  ]) roles
)
