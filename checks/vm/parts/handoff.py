import time

PKI = "/var/lib/keystone/pki"
control = {"control-1": control1, "control-2": control2, "control-3": control3}
joining = {**control, "worker-1": worker1}
candidates = {"primer-1": primer1, **control}
laptop = laptop1

ENDPOINTS = ",".join(f"https://{host}.{ZONE}:2379" for host in control)
ETCDCTL = f"etcdctl --cacert {TRUST}/etcd-ca.crt --cert {PKI}/etcd.crt --key {PKI}/etcd.key"
KUBECTL = f"kubectl --kubeconfig {RENDERED}/kubernetes/components/bootstrap.yaml --request-timeout 5s"
JOURNAL = "/tmp/admin/.local/state/keystone/handoff-production.journal"
MESH = f"HOME=/tmp/admin {PROGRAM} mesh"


def mesh(command):
    return f"{MESH} {command} --inventory {INVENTORY}"


def states():
    """Each candidate's state, as the admin sees it."""
    # Its exit code says whether all is well, which it is not at times.
    said = laptop.execute(mesh("status --json"))[1]
    assert said.startswith("{"), laptop.execute(mesh("status") + " 2>&1")[1]
    rows = json.loads(said)["candidates"]
    return {row["node"]: row for row in rows}


def follow(holder, standbys):
    """Every standby has all that the coordinator wrote."""

    def caught_up(_=None):
        rows = states()
        return all(rows[s]["follows"] == holder and rows[s]["transactionsBehind"] == 0 for s in standbys)

    try:
        retry(caught_up, timeout=90)
    except TimeoutError:
        print(laptop.execute(mesh("status") + " 2>&1")[1])
        for standby in standbys:
            print(candidates[standby].execute("journalctl --no-pager --lines 12 --unit keystone-coordinator-standby")[1])
        raise


def nodes_of(node):
    """What Headscale knows of every node, without what changes by itself."""
    lasting = ["id", "machine_key", "ip_addresses", "name", "given_name", "tags", "user", "created_at", "register_method"]
    listed = json.loads(node.succeed("headscale nodes list --output json"))
    return sorted(([n.get(key) for key in lasting] for n in listed), key=str)


def key_at(node):
    """The coordinator's key, as a client of the URL gets it."""
    return node.succeed(f"curl --silent --fail {URL}/key?v=116")


def online(coordinator, host):
    """Headscale has a connection of that node."""
    coordinator.wait_until_succeeds(
        f"headscale nodes list --output json | jq -e '.[] | select(.given_name == \"{host}\") | .online == true'", timeout=120
    )


def reaches(node, host, port, timeout=60):
    node.wait_until_succeeds(f"nc -z -w 3 {host}.{ZONE} {port}", timeout=timeout)


def writes(node, name):
    """A write through etcd and through the API, by a fresh name for each try."""
    node.wait_until_succeeds(f"{ETCDCTL} --endpoints https://127.0.0.1:2379 put {name}-$RANDOM$RANDOM x", timeout=60)
    node.wait_until_succeeds(f"{KUBECTL} create configmap {name}-$RANDOM$RANDOM", timeout=90)


def no_failed_units():
    for host, node in {**joining}.items():
        failed = node.execute("systemctl --failed --plain --no-legend | grep -E 'keystone|headscale|etcd'")[1]
        assert failed == "", f"{host}: {failed}"


start_all()

with subtest("every node joins, and an admin's laptop"):
    in_mesh(primer1)
    for host, node in joining.items():
        enrol(primer1, node, host)
    in_mesh(*joining.values())
    admit(primer1, laptop, "alice")
    laptop.succeed(f"install -D -m 0600 {KEYS}/alice-ssh /tmp/alice")

with subtest("the control plane lives in the mesh"):
    control1.wait_until_succeeds(f"{ETCDCTL} --endpoints {ENDPOINTS} endpoint health", timeout=120)
    for node in control.values():
        node.wait_until_succeeds("curl --silent --fail --insecure https://127.0.0.1:6444/readyz", timeout=120)

with subtest("every standby has a copy"):
    follow("primer-1", control)
    print(laptop.succeed(mesh("status")))

with subtest("standbys read what they need, and nothing else"):
    ask = (
        "-o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -i /etc/ssh/ssh_host_ed25519_key"
        f" keystone-replica@primer-1.{ZONE}"
    )
    control1.succeed(f"sftp {ask}:/known /tmp/known && grep primer-1 /tmp/known")
    control1.fail(f"ssh {ask} true")
    control1.fail(f"echo 'put /tmp/known /log/stranger' | sftp -b - {ask}")
    control1.fail(f"echo 'rm /known' | sftp -b - {ask}")
    control1.fail(f"sftp {ask}:/etc/passwd /tmp/passwd")

before, noise = nodes_of(primer1), key_at(worker1)
assert len(before) == 6, before

with subtest("the plan is shown, and nothing done"):
    print(laptop.succeed(mesh("handoff control-1 --dry-run")))
    assert states()["primer-1"]["state"] == "coordinator"

with subtest("the command is killed on its way: nobody is the coordinator, and the mesh goes on"):
    # control-1 cannot read the last transactions, so that the command waits for them.
    standby = control1.succeed("tailscale ip -4").strip()
    primer1.succeed(
        f"nft 'table inet hold {{ chain in {{ type filter hook input priority -300; ip saddr {standby} tcp dport 22 reject with tcp reset; }}; }}'"
    )
    primer1.succeed("headscale preauthkeys create --tags tag:worker --expiration 1h")
    laptop.succeed(f"systemd-run --unit handoff --setenv HOME=/tmp/admin {PROGRAM} mesh handoff control-1 --inventory {INVENTORY}")
    laptop.wait_until_succeeds(f"grep -F '\"began\":\"receive\"' {JOURNAL}", timeout=60)
    laptop.succeed("systemctl kill --signal KILL --kill-whom main handoff")
    laptop.wait_until_fails("systemctl is-active handoff", timeout=20)
    assert states()["primer-1"]["state"] == "fenced"
    # Not even by hand.
    primer1.succeed("systemctl start headscale")
    primer1.fail("systemctl is-active headscale")
    reaches(worker1, "control-1", 6443)
    laptop.fail(mesh("handoff control-2"))

with subtest("the same command goes on where it was"):
    primer1.succeed("nft delete table inet hold")
    hook = "#!/bin/sh\nsed \"/ $1/d\" /etc/hosts > /etc/hosts.new && echo \"$2 $1\" >> /etc/hosts.new && mv /etc/hosts.new /etc/hosts\n"
    laptop.succeed(f"cat > /tmp/dns <<'EOF'\n{hook}EOF\nchmod +x /tmp/dns")
    started = time.time()
    print(laptop.succeed(mesh("handoff control-1 --dns-command /tmp/dns") + " 2>&1"))
    print(f"resumed and done in {time.time() - started:.1f} s")
    # Resolvers look at /etc/hosts every other second.
    laptop.wait_until_succeeds(f"getent hosts {URL_HOST} | grep -F '{ADDRESS['control-1']} '", timeout=20)

with subtest("nodes, addresses and keys are what they were"):
    assert nodes_of(control1) == before
    assert key_at(worker1) == noise and key_at(laptop) == noise
    rows = states()
    assert rows["control-1"]["state"] == "coordinator" and rows["control-1"]["generation"] == 2, rows
    primer1.fail("systemctl is-active headscale")
    started = time.time()
    for host in joining:
        online(control1, host)
    print(f"every node found the new coordinator after {time.time() - started:.1f} s")
    follow("control-1", ["primer-1", "control-2", "control-3"])

with subtest("all primers off: a worker reboots and rejoins"):
    primer1.crash()
    worker1.crash()
    worker1.start()
    in_mesh(worker1)
    reaches(worker1, "control-1", 6443)
    online(control1, "worker-1")

with subtest("all primers off: a connection is relayed when the direct path is cut"):
    cut = "table inet cut { chain out { type filter hook output priority -300; udp dport 41641 drop; udp sport 41641 drop; }; }"
    worker1.succeed(f"nft '{cut}' && systemctl restart tailscaled")
    in_mesh(worker1)
    reaches(worker1, "control-2", 6443)
    peers = json.loads(worker1.succeed("tailscale status --json"))["Peer"].values()
    peer = next(p for p in peers if p["HostName"] == "control-2")
    assert peer["CurAddr"] == "" and peer["Relay"].startswith("control-"), peer
    worker1.succeed("nft delete table inet cut")

with subtest("the new coordinator crashes, and a standby serves"):
    control1.crash()
    said = laptop.fail(mesh("handoff control-2") + " 2>&1")
    assert "mesh takeover control-2" in said, said
    started = time.time()
    print(laptop.succeed(mesh("takeover control-2 --lose-unreplicated-changes --dns-command /tmp/dns") + " 2>&1"))
    print(f"taken over in {time.time() - started:.1f} s")
    assert nodes_of(control2) == before
    assert key_at(worker1) == noise
    for host in ["control-3", "worker-1"]:
        online(control2, host)
    writes(control2, "one-lost")

with subtest("the lost coordinator comes back and gives way"):
    control1.start()
    control1.wait_for_unit("multi-user.target", timeout=60)
    in_mesh(control1)
    control1.wait_until_succeeds("test ! -e /var/lib/keystone/coordinator/lease", timeout=60)
    control1.fail("systemctl is-active headscale")
    control1.wait_until_succeeds(f"{ETCDCTL} --endpoints {ENDPOINTS} endpoint health", timeout=90)
    follow("control-2", ["control-1", "control-3"])
    assert [row["node"] for row in states().values() if row["state"] == "coordinator"] == ["control-2"]

with subtest("no coordinator at all: every node loses power at once, and quorum returns"):
    # Without the lease it does not start again.
    control2.succeed("mv /var/lib/keystone/coordinator/lease /var/lib/keystone/lease-aside && sync")
    for node in joining.values():
        node.crash()
    started = time.time()
    for node in joining.values():
        node.start()
    in_mesh(*joining.values())
    control1.wait_until_succeeds(f"{ETCDCTL} --endpoints {ENDPOINTS} endpoint health", timeout=120)
    print(f"quorum after {time.time() - started:.1f} s")
    for node in control.values():
        node.fail("systemctl is-active headscale")
        node.wait_until_succeeds("curl --silent --fail --insecure https://127.0.0.1:6444/readyz", timeout=120)
    reaches(worker1, "control-3", 6443)

with subtest("one more node crashes, and writes go on"):
    control3.crash()
    writes(control1, "two-left")

with subtest("the coordinator is back with its lease"):
    control2.succeed("mv /var/lib/keystone/lease-aside /var/lib/keystone/coordinator/lease")
    control2.wait_until_succeeds(f"curl --silent --fail --connect-to {URL_HOST}::{ADDRESS['control-2']} {URL}/health", timeout=60)
    assert nodes_of(control2) == before
    control3.start()
    in_mesh(control3)
    no_failed_units()
