workers = {"worker-1": worker1, "worker-2": worker2}
joining = {"control-1": control1, **workers}
kubectl = f"kubectl --kubeconfig {RENDERED}/kubernetes/components/bootstrap.yaml"
LEFT = "node.kubernetes.io/"


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

with subtest("nor is there a way round it by IPv6"):
    # kube-router's rules are of IPv4, and so are all addresses that a pod has.
    assert worker1.succeed(f"{network_of(worker1, address)} ip -6 -o address show dev eth0") == ""
    assert 'iifname "cni0" meta nfproto ipv6 drop' in worker1.succeed("nft list table inet keystone-pods")

with subtest("policies hold while the enforcer is dead, and it comes back"):
    worker1.succeed("systemctl kill --signal KILL kube-router")
    control1.succeed(refused("stranger", BY_NAME))
    worker1.wait_for_unit("kube-router.service", timeout=30)
    nobody_but("friend")

with subtest("a policy on what a pod may ask is enforced"):
    apply(policy("silence", podSelector={"matchLabels": {"role": "friend"}}, policyTypes=["Egress"]))
    control1.wait_until_succeeds(refused("friend", f"http://{address}:8080"), timeout=30)

with subtest("without the policies everybody is let in again"):
    control1.succeed(f"{kubectl} delete networkpolicies --all")
    nobody_but("friend", "stranger", "neighbour")

with subtest("a worker dies"):
    soon = [{"key": f"{LEFT}{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1} for state in ["not-ready", "unreachable"]]
    there = {"weight": 1, "preference": {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["worker-2"]}]}}
    template = pod("moves", None, {"app": "moves"}, serves("moved"))
    del template["spec"]["nodeName"]
    template["spec"] |= {"tolerations": soon, "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [there]}}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "moves"}}, "template": {"metadata": {"labels": {"app": "moves"}}, "spec": template["spec"]}}
    apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "moves"}, "spec": spec}, service("moves", 80))
    control1.succeed(f"{kubectl} rollout status deployment/moves --timeout 60s")
    assert control1.succeed(f"{kubectl} get pods -l app=moves -o jsonpath='{{.items[*].spec.nodeName}}'") == "worker-2"
    assert control1.wait_until_succeeds(ask("neighbour", "http://moves.default.svc.cluster.local"), timeout=30) == "moved\n"
    worker2.crash()

with subtest("logs, exec and port-forward go through the control plane"):
    assert control1.succeed(f"{kubectl} logs web") == "started\n"
    assert control1.succeed(f"echo typed | {kubectl} exec -i web -- cat") == "typed\n"
    assert control1.execute(f"{kubectl} exec web -- sh -c 'exit 7'")[0] == 7
    control1.succeed(f"systemd-run --unit forward {kubectl} port-forward pod/web 18080:8080")
    control1.wait_for_open_port(18080, timeout=30)
    assert control1.succeed("curl --silent --fail http://127.0.0.1:18080") == "found\n"
    control1.succeed("systemctl stop forward")
    # The kubelet asks who it is, and nobody else than the API server may.
    assert worker1.succeed("curl --silent --insecure --output /dev/null --write-out %{http_code} https://127.0.0.1:10250/pods || true") == "401"

with subtest("its pods move to the other one, and the service with them"):
    moved = f"{kubectl} get pods -l app=moves --field-selector status.phase=Running -o jsonpath='{{.items[*].spec.nodeName}}' | grep -w worker-1"
    control1.wait_until_succeeds(moved, timeout=120)
    assert control1.wait_until_succeeds(ask("neighbour", "http://moves.default.svc.cluster.local"), timeout=60) == "moved\n"

with subtest("it comes back, and a new pod there finds names and is let in where a policy says so"):
    worker2.start()
    control1.succeed(f"{kubectl} wait node worker-2 --for condition=Ready --timeout 90s")
    apply(policy("friends", podSelector=WEB, policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {"matchLabels": {"role": "friend"}}}]}]))
    control1.wait_until_succeeds(refused("neighbour", BY_NAME), timeout=30)
    apply(pod("late", "worker-2", {"role": "friend"}, "sleep 100000"))
    assert control1.wait_until_succeeds(ask("late", BY_NAME), timeout=60) == "found\n"

with subtest("services go on when kube-proxy is started anew"):
    for node in workers.values():
        node.succeed("systemctl restart kube-proxy")
        node.wait_until_succeeds("journalctl -u kube-proxy --since -1min | grep -F 'Caches are synced' | grep -F 'endpoint slice'", timeout=30)
        # It compares what it finds with what it wants, and takes away what it does not know.
        node.wait_until_succeeds("nft list map ip kube-proxy service-ips | grep -F '. tcp . 53 : goto'", timeout=30)
    assert control1.wait_until_succeeds(ask("late", BY_NAME), timeout=30) == "found\n"
    for host, node in joining.items():
        failed = node.execute("systemctl --failed --plain --no-legend | grep -E 'keystone|kube|etcd|flannel|containerd'")[1]
        assert failed == "", f"{host}: {failed}"
