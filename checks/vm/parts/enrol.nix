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


  def sealed_key(coordinator, host, meanwhile="true"):
      """A key for the host, encrypted to it. Headscale's answer lies in /tmp/key.json for what happens to it meanwhile."""
      # Headscale's command gives its server five seconds, which one that has just met fourteen nodes may not keep.
      coordinator.wait_until_succeeds(
          f"headscale preauthkeys create --tags {TAGS[host]} --expiration 1h --output json > /tmp/key.json", timeout=60
      )
      return coordinator.succeed(
          f"{meanwhile} && jq -j .key /tmp/key.json | ${pkgs.age}/bin/age --encrypt --armor --recipient {RECIPIENTS[host]}"
      )


  def drop(node, sealed):
      folder = "/var/lib/keystone/mesh"
      node.wait_for_unit("keystone-mesh-join.service", timeout=60)
      node.succeed(f"cat > {folder}/join.new <<'EOF'\n{sealed}EOF\nmv {folder}/join.new {folder}/join.age")


  def enrol(coordinator, node, host):
      drop(node, sealed_key(coordinator, host))


  def admit(coordinator, laptop, person):
      """A person joins with a laptop, as Headscale's operator lets her."""
      find = f"headscale users list --output json | jq -er '.[] | select(.name == \"{person}\") | .id'"
      coordinator.wait_until_succeeds(find, timeout=30)
      user = coordinator.succeed(find).strip()
      key = coordinator.succeed(f"headscale preauthkeys create --user {user} --expiration 10m --output json | jq -j .key")
      laptop.wait_for_unit("tailscaled.service", timeout=30)
      laptop.succeed(f"tailscale up --login-server {URL} --auth-key {key} --timeout 60s")


  def in_mesh(*nodes):
      for node in nodes:
          node.wait_for_unit("keystone-mesh.service", timeout=60)
''
