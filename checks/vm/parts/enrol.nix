# Python for tests: `enrol(coordinator, node, host)` does what an admin does for a new node. The key is minted for the
# host, encrypted to the node's own identity, and laid where a machine that is being installed finds it; from there on
# the module's own unit acts.
{ pkgs, ... }:
let
  inventory = builtins.fromTOML (builtins.readFile ../../../hosts/cluster.toml);
  recipients = builtins.mapAttrs (_: node: node.ageKey) inventory.nodes;
  tags = builtins.mapAttrs (_: node: builtins.concatStringsSep "," (map (r: "tag:${r}") node.roles)) inventory.nodes;
in
''
  import json

  RECIPIENTS = json.loads('${builtins.toJSON recipients}')
  TAGS = json.loads('${builtins.toJSON tags}')
  ZONE = "${inventory.mesh.baseDomain}"
  URL = "${inventory.mesh.url}"


  def enrol(coordinator, node, host):
      sealed = coordinator.succeed(
          f"headscale preauthkeys create --tags {TAGS[host]} --expiration 1h --output json | jq -j .key"
          f" | ${pkgs.age}/bin/age --encrypt --armor --recipient {RECIPIENTS[host]}"
      )
      folder = "/var/lib/keystone/mesh"
      node.wait_for_unit("keystone-mesh-join.service", timeout=60)
      node.succeed(f"cat > {folder}/join.new <<'EOF'\n{sealed}EOF\nmv {folder}/join.new {folder}/join.age")


  def in_mesh(*nodes):
      for node in nodes:
          node.wait_for_unit("keystone-mesh.service", timeout=60)
''
