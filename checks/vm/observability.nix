# Exporters answer at the node's address in the mesh and at no other, and what needs a kernel with ZFS does not fail without
# one. The address is given here; vm-mesh shows where it comes from.
{ lib, ... }:
{
  name = "observability";
  nodes.backup1 = {
    imports = [ ./parts/node.nix ];
    networking.hostName = "backup-1";
    systemd.services.keystone-mesh.script = lib.mkForce ''
      ip addr add 100.64.0.9/32 dev lo
      echo KEYSTONE_MESH_IP=100.64.0.9 > "$FILE"
    '';
  };
  testScript = ''
    start_all()
    underlay = backup1.wait_until_succeeds("ip -4 -o addr show eth1 | grep -oE '192[0-9.]+'", timeout=30).strip()

    with subtest("metrics of the machine, in the mesh"):
        backup1.wait_for_unit("prometheus-node-exporter.service", timeout=60)
        metrics = backup1.wait_until_succeeds("curl -sf http://100.64.0.9:9100/metrics", timeout=30)
        assert "node_cpu_seconds_total" in metrics and "node_memory_MemTotal_bytes" in metrics

    with subtest("and nowhere else, this machine included"):
        backup1.fail(f"curl -sf -m 3 http://{underlay}:9100/metrics")
        backup1.fail("curl -sf -m 3 http://127.0.0.1:9100/metrics")
        listening = backup1.succeed("ss -Hltn 'sport = :9100'").split()
        assert listening[3] == "100.64.0.9:9100", listening

    with subtest("without ZFS there is nothing to snapshot, and nothing fails"):
        backup1.succeed("systemctl start sanoid.service")
        backup1.fail("systemctl is-failed sanoid.service")
        assert "sanoid.service" in backup1.succeed("systemctl list-timers --all")
  '';
}
