LOST = "--lost control-2 --lost control-3"
RECOVER = f"cd {REPOSITORY} && {PRIMER} recover --mode quorum-restore {LOST}"
WORK = "/var/lib/keystone/recovery"

with subtest("the control plane serves, and health says so"):
    began()
    print(control1.execute(HEALTH)[1])

with subtest("what is acknowledged before the loss"):
    # By control-1's own API server and member: what they acknowledged, the member that will be left has.
    direct = f"{KUBECTL} --server https://control-1.{ZONE}:6443"
    kept = [f"kept-{n}" for n in range(20)]
    control1.succeed(f"for name in {' '.join(kept)}; do {direct} create configmap $name; done")



def member(host):
    """The number of a member, as etcdctl writes it; one that has not started is known by its URL."""
    listed = json.loads(control1.succeed(f"{ETCDCTL} member list --write-out json"))["members"]
    return next(f"{row['ID']:x}" for row in listed if f"https://{host}.{ZONE}:2380" in row["peerURLs"])


with subtest("one member loses its data: it does not begin by itself, and is named"):
    started = time.time()
    control3.succeed("systemctl stop etcd && rm -rf /var/lib/etcd/member && systemctl start --no-block etcd")
    said = "etcd has no data here and does not begin: the others know it with what it had; take it out and add it again"
    control3.wait_until_succeeds(f"journalctl -u etcd | grep -F '{said}'", timeout=60)
    until_health(
        control1,
        {"member control-3": ("unknown", ""), "API server on control-3": ("unhealthy", "etcd"), "quorum": ("healthy", "2 of 3")},
    )
    control3.fail("test -e /var/lib/etcd/member")

with subtest("taken out, added again, and promoted, as docs/how-to/replace-a-member.md says: each state has a name"):
    control1.succeed(f"{ETCDCTL} member remove {member('control-3')}")
    control3.wait_until_succeeds("journalctl -u etcd | grep -F 'the others have no such member; add it'", timeout=60)
    until_health(control1, {"members": ("unhealthy", "control-3 are none, and the inventory says so")})
    control3.succeed("systemctl stop etcd")
    control1.wait_until_succeeds(f"{ETCDCTL} member add control-3 --learner --peer-urls https://control-3.{ZONE}:2380", timeout=60)
    until_health(control1, {"members": ("unhealthy", "control-3")})
    control3.succeed("systemctl start --no-block etcd")
    until_health(control1, {"member control-3": ("unhealthy", "it is a learner, which does not vote")})
    control1.wait_until_succeeds(f"{ETCDCTL} member promote {member('control-3')}", timeout=60)
    all_well()
    print(f"lost and replaced in {time.time() - started:.1f} s")
    there(control3, kept)

with subtest("two of three members are lost: nothing can be written, and health says what to do"):
    started = time.time()
    for node in [control2, control3]:
        node.succeed("systemctl stop etcd && cp -a /var/lib/etcd /var/lib/before && rm -rf /var/lib/etcd/member")
    for node in control.values():
        node.wait_until_fails("curl --silent --fail --insecure --max-time 5 https://127.0.0.1:6443/readyz", timeout=30)
    control1.fail(f"{KUBECTL} create configmap nobody")
    until_health(
        control1,
        {
            "member control-1": ("unhealthy", "RAFT NO LEADER"),
            "member control-2": ("unknown", "does not answer"),
            "API server on control-1": ("unhealthy", "etcd"),
        },
        timeout=90,
    )
    print(f"named after {time.time() - started:.1f} s")

with subtest("a member that lost everything does not begin by itself"):
    control2.succeed("systemctl start --no-block etcd")
    control2.wait_until_succeeds("journalctl -u etcd | grep -F 'etcd has no data here and does not begin: '", timeout=60)
    control2.succeed("systemctl stop etcd")
    control2.fail("test -e /var/lib/etcd/member")

with subtest("the plan is shown, and nothing done"):
    a_primer(primer1)
    print(primer1.succeed(f"{RECOVER} --dry-run 2>&1"))
    said = primer1.fail(f"{RECOVER.replace('--lost control-3', '')} 2>&1")
    assert "control-3 does not answer" in said, said
    primer1.fail("test -e /var/lib/keystone/recovery")

with subtest("the command is killed while it makes folders"):
    print(primer1.succeed(
        f"{RECOVER.replace(' && ', '; ')} > /tmp/said 2>&1 & pid=$!"
        "; until grep -qF 'make the folder of control-2' /tmp/said || ! kill -0 $pid; do sleep 0.01; done"
        "; kill -KILL $pid; wait $pid || true; cat /tmp/said"
    ))
    label = primer1.succeed(f"ls {WORK}").strip()
    primer1.succeed(f"test -e {WORK}/{label}/control-1/member")
    primer1.fail(f"test -e {WORK}/{label}/control-3")

with subtest("the same command goes on where it was, and waits for the new members"):
    primer1.succeed(f"systemd-run --unit recover --remain-after-exit --setenv PATH=$PATH --working-directory {REPOSITORY} {PRIMER} recover --mode quorum-restore {LOST}")
    primer1.wait_until_succeeds("journalctl -u recover | grep -F 'deploy them with keystone.etcd.restored'", timeout=60)
    print(primer1.succeed("journalctl -u recover -o cat"))


def copy(host):
    """The folder of a new member, by an admin's machine, as docs/how-to/restore-the-quorum.md says."""
    laptop.succeed(
        f"ssh root@primer-1.{ZONE} tar -C {WORK}/{label} -c {host}"
        f" | ssh root@{host}.{ZONE} 'umask 077 && mkdir -p /var/lib/etcd-{label} && tar -C /var/lib/etcd-{label} -x --strip-components 1"
        f" && chown -R etcd:etcd /var/lib/etcd-{label}'"
    )


def deploy(host):
    """The unit of a system with the label. It was not known when the test was built, so it stands in the place of another."""
    control[host].succeed(
        "mkdir -p /etc/systemd/system.control"
        f" && sed 's/{LABEL}/{label}/g' /run/booted-system/specialisation/restored/etc/systemd/system/etcd.service"
        " > /etc/systemd/system.control/etcd.service"
        # As systemd-tmpfiles does at a switch.
        f" && install -d -o etcd -g etcd -m 0700 /var/lib/etcd-{label}"
        " && systemctl daemon-reload && systemctl restart --no-block etcd"
    )


with subtest("deployed without its folder, a member does not begin"):
    deploy("control-1")
    control1.wait_until_succeeds(f"journalctl -u etcd | grep -F 'the folder /var/lib/etcd-{label} is to be copied here first'", timeout=60)

with subtest("two new members are a quorum"):
    started = time.time()
    for host in ["control-1", "control-2"]:
        copy(host)
        deploy(host)
    two = "control-1 control-2".split()
    until_health(control1, {f"member {host}": ("healthy", "version") for host in two} | {"quorum": ("healthy", "2 of 3")}, timeout=90)
    print(f"a quorum after {time.time() - started:.1f} s")

with subtest("a member that comes back with its old folder does not join, and is named"):
    control3.succeed("cp -a /var/lib/before/member /var/lib/etcd/ && systemctl start --no-block etcd")
    until_health(control1, {"member control-3": ("unknown|unhealthy", ""), "quorum": ("healthy", "2 of 3")}, timeout=90)
    control3.wait_until_succeeds("journalctl -b -u etcd | grep -iE 'cluster.id.mismatch'", timeout=60)
    primer1.fail("systemctl show recover -p SubState | grep exited")

with subtest("deployed, it is one of them, and the command is done"):
    copy("control-3")
    deploy("control-3")
    primer1.wait_until_succeeds("systemctl show recover -p SubState | grep exited", timeout=120)
    said = primer1.succeed("journalctl -u recover -o cat")
    print(said)
    assert "etcd has a quorum again: control-1, control-2, control-3" in said and "rotate-keys --type intermediate --only etcd" in said
    all_well()

with subtest("everything that was acknowledged is there, and writes go on"):
    there(control2, kept)
    control3.succeed(f"{KUBECTL} create configmap after")
    there(control1, ["after"])
    said = primer1.fail(f"{RECOVER} 2>&1")
    assert "an operational quorum lives" in said, said
