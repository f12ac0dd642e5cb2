# Who reaches whom in the mesh, completely: from every machine to every machine and every person's laptop, each port of
# the service table and one more, TCP and UDP, IPv4 and IPv6. What is measured is what reachability.json says.
{ lib, pkgs, ... }@args:
let
  inventory = builtins.fromTOML (builtins.readFile ../../../hosts/cluster.toml);
  # Two of a role where two of them may talk to each other.
  hosts = [
    "primer-1"
    "primer-2"
    "control-1"
    "control-2"
    "worker-1"
    "worker-2"
    "storage-1"
    "storage-2"
    "ingress-1"
    "ingress-2"
    "monitor-1"
    "backup-1"
  ];
  people = lib.attrNames inventory.people;
  machine = lib.replaceStrings [ "-" ] [ "" ];

  # The policy alone decides here: the hosts' firewalls let in whatever comes through the mesh, and listeners of the test
  # take the places of services. What the firewall closes is measured by vm-access.
  open.environment.systemPackages = [ pkgs.python3 ];
  host = name: {
    imports = [
      ../parts/node.nix
      open
    ];
    networking.hostName = name;
    networking.firewall.extraInputRules = lib.mkBefore "iifname tailscale0 accept";
    keystone.controlPlane.enable = lib.mkForce false;
    keystone.worker.enable = lib.mkForce false;
  };
  laptop = {
    imports = [
      ../parts/laptop.nix
      open
    ];
    networking.firewall.enable = false;
  };

  services = builtins.fromJSON (builtins.readFile ../../../modules/cluster/services.json);
  setting = path: lib.getAttrFromPath (lib.splitString "." path) inventory;
  ports =
    proto:
    lib.unique (
      lib.concatLists (
        lib.mapAttrsToList (
          _: row:
          lib.optionals (row.proto == proto) (
            if row.setting != null then
              [ (setting row.setting) ]
            else
              lib.concatMap (range: [
                range.from
                range.to
              ]) row.ports
          )
        ) services
      )
      # Of no service.
      ++ [ 4000 ]
    );
in
{
  name = "mesh-matrix";
  nodes =
    lib.listToAttrs (map (name: lib.nameValuePair (machine name) (host name)) hosts)
    // lib.listToAttrs (map (name: lib.nameValuePair "laptop${name}" laptop) people);
  testScript =
    { nodes, ... }:
    ''
      ${import ../parts/enrol.nix args}
      MATRIX = "${nodes.primer1.keystone.rendered}/reachability.json"
      PROBE = "${../parts/probe.py}"
      PORTS = json.loads('${builtins.toJSON { tcp = ports "tcp"; udp = ports "udp"; }}')
      hosts = {${lib.concatMapStringsSep ", " (name: "\"${name}\": ${machine name}") hosts}}
      laptops = {${lib.concatMapStringsSep ", " (name: "\"${name}\": laptop${name}") people}}
    ''
    + builtins.readFile ../parts/mesh-matrix.py;
}
