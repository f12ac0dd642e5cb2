with subtest("the control plane serves, and somebody writes all the time"):
    began()
    somebody_writes()

with subtest("an API server is killed: the writer goes on within seconds"):
    for host in ["control-1", "control-2"]:
        since = time.time()
        control[host].succeed("systemctl kill --signal KILL --kill-whom main kube-apiserver")
        control[host].wait_until_succeeds("journalctl -u kube-apiserver | grep -F 'status=9/KILL'", timeout=20)
        goes_on()
        print(f"{host}'s API server killed: a pause of {pause(since):.1f} s")
        assert pause(since) < 15, pause(since)
        until_health(control3, {f"API server on {host}": ("healthy", "ready")}, timeout=90)
    there(control3, [name for name, _ in acknowledged()])

with subtest("nobody reaches a node of the control plane: the others go on, it refuses, and health names it on both sides"):
    since = time.time()
    control3.succeed(
        "nft 'table inet cut {"
        " chain in { type filter hook input priority -300; iifname \"eth*\" drop; };"
        " chain out { type filter hook output priority -300; oifname \"eth*\" drop; }; }'"
    )
    until_health(
        control1,
        {
            "member control-3": ("unknown", ""),
            "API server on control-3": ("unknown", ""),
            "quorum": ("healthy", "2 of 3"),
            "leader": ("healthy", "all 2"),
        },
        timeout=90,
    )
    goes_on()
    until_health(
        control3,
        {
            "member control-3": ("unhealthy", "RAFT NO LEADER"),
            "member control-1": ("unknown", ""),
        },
        timeout=90,
    )
    control3.fail(f"{KUBECTL} --server https://control-3.{ZONE}:6443 create configmap nobody")
    print(f"a node that nobody reaches: a pause of {pause(since):.1f} s")

with subtest("it is reached again, and has what it missed"):
    healed = time.time()
    control3.succeed("nft delete table inet cut")
    all_well()
    print(f"well again after {time.time() - healed:.1f} s")
    there(control3, [name for name, _ in acknowledged()])

with subtest("the disk of a member is full: its etcd ends, the others go on"):
    # A file system of its own, in memory, instead of the machine's.
    control3.succeed(
        "systemctl stop etcd && mv /var/lib/etcd /var/lib/etcd.aside && mkdir /var/lib/etcd"
        " && mount -t tmpfs -o size=320m,mode=0700,uid=$(id -u etcd),gid=$(id -g etcd) tmpfs /var/lib/etcd"
        " && cp -a /var/lib/etcd.aside/member /var/lib/etcd/ && systemctl start etcd"
    )
    all_well()
    since = time.time()
    control3.succeed("cat /dev/zero > /var/lib/etcd/filled 2>/dev/null || true; df /var/lib/etcd")
    # Its log has some room ahead.
    control1.succeed("openssl rand -hex 500000 > /tmp/megabyte")
    control1.wait_until_succeeds(
        f"for n in $(seq 10); do {ETCDCTL} put /filling/$RANDOM < /tmp/megabyte; done"
        f"; ! curl --silent --max-time 3 --cacert {TRUST}/etcd-ca.crt --cert {PKI}/etcd.crt --key {PKI}/etcd.key https://control-3.{ZONE}:2379/health",
        timeout=90,
    )
    control3.wait_until_succeeds("journalctl -u etcd | grep -F 'no space left on device'", timeout=30)
    until_health(
        control1,
        {
            "member control-3": ("unknown", ""),
            "API server on control-3": ("unhealthy", "etcd"),
            "quorum": ("healthy", "2 of 3"),
        },
        timeout=60,
    )
    goes_on()
    print(f"a full disk: a pause of {pause(since):.1f} s")

with subtest("there is room again, and the member comes back by itself"):
    freed = time.time()
    control3.succeed("rm /var/lib/etcd/filled")
    all_well()
    print(f"well again after {time.time() - freed:.1f} s")
    there(control3, [name for name, _ in acknowledged()])
    control1.succeed(f"{ETCDCTL} del --prefix /filling/")

with subtest("everything that was acknowledged is there"):
    control1.succeed("systemctl stop writer")
    names = [name for name, _ in acknowledged()]
    print(f"{len(names)} writes were acknowledged")
    for node in control.values():
        there(node, names)
