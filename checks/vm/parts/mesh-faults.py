others = {"control-1": control1, "worker-1": worker1}
CUT = "table inet cut { chain out { type filter hook output priority -300; udp dport 41641 drop; udp sport 41641 drop; }; }"


def reaches(node, host, port, timeout=60):
    node.wait_until_succeeds(f"nc -z -w 3 {host}.{ZONE} {port}", timeout=timeout)


def peer(node, host):
    return next(p for p in json.loads(node.succeed("tailscale status --json"))["Peer"].values() if p["HostName"] == host)


def join_says(node, text, timeout=120):
    try:
        node.wait_until_succeeds(f"journalctl --unit keystone-mesh-join | grep -F '{text}'", timeout=timeout)
    except Exception:
        print(node.execute("journalctl --no-pager --unit keystone-mesh-join; tailscale status --json | jq '{BackendState, HaveNodeKey, Health}'")[1])
        raise


def stop_coordinator():
    # As long as it has the lease, it is started again.
    primer1.succeed("mv /var/lib/keystone/coordinator/lease /var/lib/keystone/lease-aside && systemctl stop headscale")


def start_coordinator():
    primer1.succeed("mv /var/lib/keystone/lease-aside /var/lib/keystone/coordinator/lease && systemctl start headscale")
    primer1.wait_until_succeeds("headscale nodes list", timeout=60)


start_all()
in_mesh(primer1)
for host, node in others.items():
    enrol(primer1, node, host)
in_mesh(*others.values())
control1.succeed("systemd-run --unit listener nc -lk 0.0.0.0 6443")
control1.succeed("systemd-run --unit receiver sh -c 'exec nc -lk 0.0.0.0 2379 > /tmp/received'")
reaches(worker1, "control-1", 6443)

with subtest("a join key that expired an hour ago opens nothing, and the node says so"):
    listed = json.loads(primer1.succeed("headscale preauthkeys list --output json"))
    expire = f"sqlite3 {DATABASE} \"update pre_auth_keys set expiration = datetime('now', '-1 hour') where id = $(jq -r .id /tmp/key.json)\""
    drop(backup1, sealed_key(primer1, "backup-1", expire))
    join_says(backup1, "not joined with the key in")
    join_says(backup1, "expired")
    backup1.fail("test -e /run/keystone/mesh.env")
    assert len(json.loads(primer1.succeed("headscale nodes list --output json"))) == len(listed)

with subtest("a new key lets it in"):
    enrol(primer1, backup1, "backup-1")
    in_mesh(backup1)

with subtest("a lost relay is replaced by another"):
    worker1.succeed(f"nft '{CUT}' && systemctl restart tailscaled")
    in_mesh(worker1)
    reaches(worker1, "control-1", 6443)
    used = peer(worker1, "control-1")
    assert used["CurAddr"] == "", used
    relays = {"primer-1": primer1, "control-1": control1}
    relays[used["Relay"]].succeed("systemctl stop keystone-relay")
    reaches(worker1, "control-1", 6443, timeout=120)
    now = peer(worker1, "control-1")
    assert now["CurAddr"] == "" and now["Relay"] != used["Relay"], now
    relays[used["Relay"]].succeed("systemctl start keystone-relay")
    worker1.succeed("nft delete table inet cut && systemctl restart tailscaled")
    in_mesh(worker1)
    reaches(worker1, "control-1", 6443)

with subtest("without a coordinator what is connected stays connected"):
    # Opened for both ways, so that it has no end when a writer leaves.
    primer1.succeed("mkfifo /tmp/words && systemd-run --unit flow sh -c 'exec nc control-1." + ZONE + " 2379 <> /tmp/words'")
    primer1.succeed("echo before > /tmp/words")
    control1.wait_until_succeeds("grep before /tmp/received", timeout=20)
    stop_coordinator()
    primer1.succeed("echo after > /tmp/words")
    control1.wait_until_succeeds("grep after /tmp/received", timeout=60)
    reaches(worker1, "control-1", 6443)

with subtest("a node that reboots then finds its peers by what it remembers"):
    worker1.crash()
    worker1.start()
    in_mesh(worker1)
    reaches(worker1, "control-1", 6443)

with subtest("a new node cannot join, and says why"):
    start_coordinator()
    sealed = sealed_key(primer1, "storage-1")
    stop_coordinator()
    drop(storage1, sealed)
    join_says(storage1, "not joined with the key in")
    storage1.fail("test -e /run/keystone/mesh.env")

with subtest("and joins when there is one"):
    start_coordinator()
    # It tries with a patience of its own.
    try:
        storage1.wait_until_succeeds("tailscale ip -4", timeout=150)
    except Exception:
        print(storage1.execute("journalctl --no-pager --output cat --lines 8 --unit keystone-mesh-join")[1])
        raise
    in_mesh(storage1)

with subtest("another key of the coordinator: clients that run are refused, and work when they are restarted"):
    before = primer1.succeed(f"curl --silent --fail {URL}/key?v=116")
    primer1.succeed(
        "umask 077; key=$(openssl rand -hex 32); printf 'privkey:%s' \"40${key:2:60}40\" > /run/agenix/headscale-noise; systemctl restart headscale"
    )
    primer1.wait_until_succeeds(f"curl --silent --fail {URL}/key?v=116", timeout=30)
    assert primer1.succeed(f"curl --silent --fail {URL}/key?v=116") != before
    online = "headscale nodes list --output json | jq -e '.[] | select(.given_name == \"worker-1\") | .online == true'"
    # The tunnels need no coordinator.
    reaches(worker1, "control-1", 6443)
    worker1.succeed("systemctl restart tailscaled")
    primer1.wait_until_succeeds(online, timeout=60)
    in_mesh(worker1)
    reaches(worker1, "control-1", 6443)
