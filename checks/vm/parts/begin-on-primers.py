primers = {"primer-1": primer1, "primer-2": primer2, "primer-3": primer3}
ON_PRIMERS = f"{ETCDCTL} --endpoints {','.join(f'https://{host}.{ZONE}:2379' for host in primers)}"
HANDOFF = f"{PRIMER} handoff --without-mesh"


def voters(node, endpoints):
    listed = json.loads(node.succeed(f"{endpoints} member list --write-out json"))["members"]
    return {row["name"] for row in listed if not row.get("isLearner")}


def hand_over(until):
    """Starts the command, and kills it as soon as it says so."""
    primer1.succeed(
        f"cd {REPOSITORY}; {HANDOFF} > /tmp/said 2>&1 & pid=$!"
        f"; until grep -qF '{until}' /tmp/said || ! kill -0 $pid; do sleep 0.01; done"
        "; kill -KILL $pid; wait $pid || true"
    )
    said = primer1.succeed("cat /tmp/said")
    print(said)
    assert until in said and "etcd is led by the control plane" not in said, said


with subtest("the first quorum is on the primers"):
    start_all()
    in_mesh(primer1)
    for host in ["primer-2", "primer-3"]:
        enrol(primer1, primers[host], host)
    in_mesh(*primers.values())
    primer1.wait_until_succeeds(f"{ON_PRIMERS} endpoint health", timeout=120)
    assert voters(primer1, ON_PRIMERS) == set(primers)

with subtest("the control plane serves from there, and its own members wait"):
    for host, node in control.items():
        enrol(primer1, node, host)
    in_mesh(*control.values())
    for node in control.values():
        node.wait_until_succeeds("curl --silent --fail --insecure https://127.0.0.1:6444/readyz", timeout=240)
        node.wait_until_succeeds("journalctl -u etcd | grep -F 'it waits until the primers hand over'", timeout=60)
        node.fail("test -e /var/lib/etcd/member")
    control1.wait_until_succeeds(f"{KUBECTL} get serviceaccount default", timeout=60)
    somebody_writes()

with subtest("health says where etcd is, and what is next"):
    until_health(
        control1,
        {
            "member primer-1": ("healthy", "version"),
            "members": ("unhealthy", "primer-1, primer-2, primer-3 are members, and not on the control plane"),
            "quorum": ("healthy", "3 of 3"),
        },
    )

with subtest("the plan is shown, and nothing done"):
    a_primer(primer1)
    said = primer1.succeed(f"cd {REPOSITORY} && {HANDOFF} --dry-run")
    print(said)
    assert "Next: control-1 joins as a learner. Nothing was done." in said, said

with subtest("killed when one member has joined, and taken back: everything is as it was"):
    hand_over("handoff: control-2 joins as a learner")
    goes_on()
    print(primer1.succeed(f"cd {REPOSITORY} && {PRIMER} handoff --abort 2>&1"))
    assert voters(primer1, ON_PRIMERS) == set(primers)
    goes_on()

with subtest("whoever was taken out waits, and what it had is out of the way"):
    control1.wait_until_succeeds("journalctl -u etcd | grep -F 'this member was taken out; what it had lies in /var/lib/etcd/removed'", timeout=60)
    control1.wait_until_succeeds("journalctl -u etcd --lines 3 | grep -F 'it waits until the primers hand over'", timeout=60)
    control1.fail("test -e /var/lib/etcd/member")

with subtest("killed when control-1 leads, and run again: the control plane votes and leads, and the primers leave"):
    since = time.time()
    hand_over("handoff: control-1 leads")
    goes_on()
    said = primer1.succeed(f"cd {REPOSITORY} && {HANDOFF} 2>&1")
    print(said)
    assert "etcd is led by the control plane, control-1, control-2, control-3" in said, said
    goes_on()
    print(f"handed over in {time.time() - since:.1f} s, with a pause of {pause(since):.1f} s at most")
    assert pause(since) < 20, pause(since)
    all_well()
    assert voters(control1, f"{ETCDCTL} --endpoints {ENDPOINTS}") == set(control)

with subtest("the primers' members stay off, and nothing has failed there"):
    for node in primers.values():
        node.wait_until_succeeds("journalctl -u etcd | grep -F 'the control plane has taken over from this primer'", timeout=60)
        node.fail("systemctl is-active etcd")
        node.fail("systemctl is-failed etcd")
        assert node.execute("systemctl --failed --plain --no-legend | grep -E 'keystone|etcd'")[1] == ""

with subtest("all primers off: nothing that was acknowledged is lost, and writes go on"):
    for node in primers.values():
        node.crash()
    goes_on()
    all_well()
    control1.succeed("systemctl stop writer")
    for node in control.values():
        there(node, [name for name, _ in acknowledged()])
    print(f"{len(acknowledged())} writes, all there")

with subtest("a primer that is switched on again has no member, though nobody answers it"):
    for node in control.values():
        node.succeed("systemctl stop etcd")
    primer2.start()
    in_mesh(primer2)
    primer2.wait_until_succeeds("journalctl -b -u etcd | grep -F 'the control plane has taken over from this primer'", timeout=60)
    primer2.fail("systemctl is-active etcd")
