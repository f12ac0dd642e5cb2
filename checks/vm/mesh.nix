# The mesh as the modules make it: Headscale and relays over https at the inventory's own URL, a node of every role that
# enrols with a key minted for it, and a policy that holds between them.
{ pkgs, lib, ... }@args:
let
  host = name: {
    imports = [ ./parts/node.nix ];
    networking.hostName = name;
    # Listeners of the test take the places of Kubernetes' programs, which vm-control-plane tries.
    keystone.controlPlane.enable = lib.mkForce false;
    keystone.worker.enable = lib.mkForce false;
  };
in
{
  name = "mesh";
  nodes = {
    primer1 = host "primer-1";
    control1 = host "control-1";
    worker1 = host "worker-1";
    storage1 = host "storage-1";
    ingress1 = host "ingress-1";
    monitor1 = host "monitor-1";
    backup1 = host "backup-1";
  };
  testScript = ''
    ${import ./parts/enrol.nix args}
    others = {
        "control-1": control1,
        "worker-1": worker1,
        "storage-1": storage1,
        "ingress-1": ingress1,
        "monitor-1": monitor1,
        "backup-1": backup1,
    }
    everyone = {"primer-1": primer1, **others}


    def reaches(source, host, port):
        return source.execute(f"nc -z -w 3 {host}.{ZONE} {port}")[0] == 0


    start_all()

    with subtest("a node without a key boots, and says what it waits for"):
        worker1.wait_for_unit("multi-user.target", timeout=60)
        worker1.wait_until_succeeds(
            "journalctl -u keystone-mesh-join | grep -F 'keystone-cluster mesh enroll worker-1'", timeout=30
        )
        worker1.fail("test -e /run/keystone/mesh.env")

    with subtest("the coordinator's own node makes its own key and joins"):
        in_mesh(primer1)

    with subtest("the server answers at the inventory's URL, with a certificate of the cluster's authority"):
        for node in everyone.values():
            node.wait_until_succeeds(f"curl --silent --fail {URL}/health", timeout=30)

    with subtest("every role enrols and gets its tag, and nothing else"):
        for host, node in others.items():
            enrol(primer1, node, host)
        in_mesh(*others.values())
        listed = json.loads(primer1.succeed("headscale nodes list --output json"))
        tags = {n.get("given_name") or n["givenName"]: n["tags"] for n in listed}
        assert tags == {host: [TAGS[host]] for host in everyone}, tags

    with subtest("the key is gone, and was good for one node only"):
        worker1.wait_until_succeeds("test ! -e /var/lib/keystone/mesh/join.age", timeout=20)
        used = [key["used"] for key in json.loads(primer1.succeed("headscale preauthkeys list --output json"))]
        assert used == [True] * len(everyone), used

    with subtest("the policy holds between roles"):
        # Listeners on ports that the host's own firewall opens there, so that only the policy decides.
        for node, port in [(control1, 2379), (control1, 6443), (worker1, 10250), (backup1, 8022), (primer1, 6443), (storage1, 6789)]:
            node.succeed(f"systemd-run --unit listener-{port} nc -lk 0.0.0.0 {port}")
        allowed = [
            (primer1, "control-1", 2379),
            (worker1, "control-1", 6443),
            (monitor1, "worker-1", 10250),
            (control1, "worker-1", 10250),
            (worker1, "backup-1", 8022),
            (ingress1, "storage-1", 6789),
        ]
        denied = [
            (worker1, "control-1", 2379),
            (worker1, "primer-1", 6443),
            (ingress1, "worker-1", 10250),
            (backup1, "control-1", 6443),
            (primer1, "storage-1", 6789),
            (storage1, "worker-1", 10250),
        ]
        for source, host, port in allowed:
            source.wait_until_succeeds(f"nc -z -w 3 {host}.{ZONE} {port}", timeout=40)
        for source, host, port in denied:
            assert not reaches(source, host, port), f"{source.name} reaches {host}:{port}"

    with subtest("what listens for the mesh is not there outside of it"):
        address = control1.succeed("ip -4 -o addr show eth1 | grep -oE '192[0-9.]+' | head -1").strip()
        monitor1.fail(f"nc -z -w 3 {address} 6443")
        mesh = control1.succeed("tailscale ip -4").strip()
        # Nor does an address of the mesh work on the wire of the underlay.
        monitor1.succeed(f"ip route add {mesh}/32 via {address} dev eth1 table 7 && ip rule add pref 5 to {mesh} table 7")
        assert not reaches(monitor1, "control-1", 10257)
        worker1.succeed(f"ip route add {mesh}/32 via {address} dev eth1 table 7 && ip rule add pref 5 to {mesh} table 7")
        assert not reaches(worker1, "control-1", 6443)
        for node in [monitor1, worker1]:
            node.succeed(f"ip rule del pref 5 to {mesh} table 7")
        assert reaches(worker1, "control-1", 6443)

    with subtest("relayed when the direct path is cut"):
        cut = "table inet cut { chain out { type filter hook output priority -300; udp dport 41641 drop; udp sport 41641 drop; }; }"
        worker1.succeed(f"nft '{cut}' && systemctl restart tailscaled")
        in_mesh(worker1)
        worker1.wait_until_succeeds(f"nc -z -w 3 control-1.{ZONE} 6443", timeout=60)
        peer = next(
            p for p in json.loads(worker1.succeed("tailscale status --json"))["Peer"].values() if p["HostName"] == "control-1"
        )
        assert peer["CurAddr"] == "" and peer["Relay"] in ("primer-1", "control-1"), peer

        worker1.succeed("nft delete table inet cut")

    with subtest("a node that reboots needs no key"):
        worker1.crash()
        worker1.start()
        in_mesh(worker1)
        worker1.wait_until_succeeds(f"nc -z -w 3 control-1.{ZONE} 6443", timeout=60)

    with subtest("every unit of ours that should run does"):
        for host, node in everyone.items():
            failed = node.execute("systemctl --failed --plain --no-legend | grep keystone")[1]
            assert failed == "", f"{host}: {failed}"
  '';
}
