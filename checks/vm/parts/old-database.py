DATABASE = "/var/lib/headscale/db.sqlite"
COORDINATOR = "/var/lib/keystone/coordinator"


def known():
    return {row["given_name"]: row for row in json.loads(primer1.succeed("headscale nodes list --output json"))}


with subtest("a copy of Headscale's database; then a node joins and one is removed"):
    primer1.succeed(f"sqlite3 {DATABASE} '.backup /tmp/yesterday.sqlite'")
    yesterday = known()
    enrol(primer1, worker1, "worker-1")
    in_mesh(worker1)
    removed = next(row for name, row in yesterday.items() if name.startswith("laptop"))
    primer1.succeed(f"headscale nodes delete --force --identifier {removed['id']}")
    assert "worker-1" in known() and removed["given_name"] not in known()

with subtest("the copy takes its place, as docs/how-to/mend-the-mesh.md says"):
    lease = json.loads(primer1.succeed(f"cat {COORDINATOR}/lease"))
    generation = lease["generation"] + 1
    verb = f"{PROGRAMS}/keystone-cluster mesh coordinator"
    assert primer1.succeed("sqlite3 /tmp/yesterday.sqlite 'PRAGMA integrity_check'").strip() == "ok"
    print(primer1.succeed(
        f"install -m 0600 /tmp/yesterday.sqlite {COORDINATOR}/received.sqlite"
        f" && {verb} adopt --generation {generation} && {verb} start --generation {generation}"
    ))
    primer1.wait_until_succeeds("headscale nodes list", timeout=30)
    primer1.succeed(f"test -e {DATABASE}.old")

with subtest("whoever was known is as it was, and goes on"):
    same = ["id", "machine_key", "ip_addresses", "tags", "given_name"]
    assert {n: [r.get(k) for k in same] for n, r in known().items()} == {n: [r.get(k) for k in same] for n, r in yesterday.items()}
    for host in control:
        primer1.wait_until_succeeds(
            f"headscale nodes list --output json | jq -e '.[] | select(.given_name == \"{host}\") | .online == true'", timeout=90
        )
    all_well()
    until_health(control1, {"coordinator " + URL: ("healthy", "it answers"), "this machine in the mesh": ("healthy", "joined")})

with subtest("who was removed since is back, which the page warns of"):
    assert removed["given_name"] in known()

with subtest("standbys follow the new generation"):
    for node in control.values():
        node.wait_until_succeeds(f"ls /var/lib/keystone/standby/primer-1-{generation}/*/*-txid", timeout=150)

with subtest("who joined since is not known; its journal says so, and so does health there"):
    worker1.wait_until_succeeds("journalctl -u tailscaled | grep -F '404: node not found'", timeout=120)
    assert "worker-1" not in known()
    until_health(worker1, {"this machine in the mesh": ("unhealthy", "the coordinator answers, and not to this machine")}, timeout=90)

with subtest("forgotten by itself too, it joins as a new machine"):
    worker1.succeed("systemctl stop tailscaled && rm /var/lib/tailscale/tailscaled.state /var/lib/keystone/mesh/joined && sync")
    worker1.crash()
    worker1.start()
    enrol(primer1, worker1, "worker-1")
    in_mesh(worker1)
    assert "worker-1" in known()
    until_health(worker1, {"this machine in the mesh": ("healthy", "joined")})
