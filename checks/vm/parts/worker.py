workers = {"worker-1": worker1, "worker-2": worker2}
joining = {"control-1": control1, **workers}
kubectl = f"kubectl --kubeconfig {RENDERED}/kubernetes/components/bootstrap.yaml"


def apply(*objects):
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    control1.succeed(f"{kubectl} apply --filename - <<'EOF'\n{items}\nEOF")


def pod(name, host, labels, command):
    """What a pod is made of, on a host."""
    container = {"name": "main", "image": "keystone.systems/busybox:test", "imagePullPolicy": "Never", "command": ["sh", "-c", command]}
    spec = {"nodeName": host, "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def service(name, port):
    spec = {"selector": {"app": name}, "ports": [{"port": port, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def policy(name, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}


def serves(word):
    return f"echo started; busybox mkdir -p /tmp/www; echo {word} > /tmp/www/index.html; busybox head -c 1000000 /dev/zero > /tmp/www/large; httpd -f -p 8080 -h /tmp/www"


def ask(who, url):
    return f"{kubectl} exec {who} -- wget -q -T 3 -O - {url}"


def network_of(node, address):
    """How to run a program in the network of the pod with that address."""
    for name in node.succeed("ls /run/netns").split():
        if f" {address}/" in node.succeed(f"ip -n {name} -4 -o address"):
            return f"nsenter --net=/run/netns/{name}"
    raise AssertionError(f"no pod has {address}")


start_all()

with subtest("every node joins, and is ready"):
    in_mesh(primer1)
    for host, node in joining.items():
        enrol(primer1, node, host)
    in_mesh(*joining.values())
    control1.wait_until_succeeds(f"test $({kubectl} get nodes --no-headers | grep -cw Ready) = 3", timeout=120)
    for node in joining.values():
        node.wait_for_unit("kube-router.service", timeout=60)

BY_NAME = "http://web.default.svc.cluster.local"

with subtest("a pod reaches a pod of another worker, and a service by name"):
    control1.wait_until_succeeds(f"{kubectl} get serviceaccount default", timeout=60)
    apply(
        pod("web", "worker-1", {"app": "web"}, serves("found")),
        service("web", 80),
        # Of the three that ask, one has the label that a policy will let in, and one is on the same worker.
        pod("friend", "worker-2", {"role": "friend"}, "sleep 100000"),
        pod("stranger", "worker-2", {"role": "stranger"}, "sleep 100000"),
        pod("neighbour", "worker-1", {"role": "stranger"}, "sleep 100000"),
    )
    control1.succeed(f"{kubectl} wait pods --all --for condition=Ready --timeout 90s")
    control1.wait_until_succeeds(f"{kubectl} -n kube-system rollout status deployment/coredns --timeout 1s", timeout=90)
    address = control1.succeed(f"{kubectl} get pod web -o jsonpath='{{.status.podIP}}'")
    for who in ["friend", "stranger", "neighbour"]:
        for url in [f"http://{address}:8080", BY_NAME]:
            assert control1.wait_until_succeeds(ask(who, url), timeout=30) == "found\n"

with subtest("nodes reach pods of their own and of others"):
    for node in joining.values():
        assert node.wait_until_succeeds(f"curl --silent --fail --max-time 3 http://{address}:8080", timeout=30) == "found\n"

with subtest("packets between pods are as large as computed, and no larger"):
    assert f"mtu {MTU} " in control1.succeed(f"{kubectl} exec friend -- ip link show eth0")
    friend = network_of(worker2, control1.succeed(f"{kubectl} get pod friend -o jsonpath='{{.status.podIP}}'"))
    # 20 of IP and 8 of ICMP besides, not to be cut into pieces on the way.
    worker2.succeed(f"{friend} ping -c 1 -W 3 -M do -s {MTU - 28} {address}")
    assert "too long" in worker2.fail(f"{friend} ping -c 1 -W 3 -M do -s {MTU - 27} {address} 2>&1")
    assert control1.succeed(f"{ask('friend', BY_NAME + '/large')} | wc -c").strip() == "1000000"
    # The mesh has as much as that and what vxlan takes.
    assert f"mtu {MTU + 50} " in worker2.succeed("ip link show tailscale0")

WEB = {"matchLabels": {"app": "web"}}


def refused(who, url):
    return f"({ask(who, url)} || true) 2>&1 | grep -E 'refused|timed out|unreachable'"


def nobody_but(*welcome):
    for who in ["friend", "stranger", "neighbour"]:
        for url in [f"http://{address}:8080", BY_NAME]:
            if who in welcome:
                assert control1.wait_until_succeeds(ask(who, url), timeout=30) == "found\n"
            else:
                control1.wait_until_succeeds(refused(who, url), timeout=30)


with subtest("a policy that lets nobody in is enforced, from the other worker and from the same"):
    apply(policy("nobody", podSelector=WEB, policyTypes=["Ingress"]))
    nobody_but()

with subtest("one that lets in a label lets in that label only"):
    apply(policy("friends", podSelector=WEB, policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {"matchLabels": {"role": "friend"}}}]}]))
    nobody_but("friend")
