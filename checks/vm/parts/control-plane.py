PKI = "/var/lib/keystone/pki"
control = {"control-1": control1, "control-2": control2, "control-3": control3}
workers = {"worker-1": worker1, "worker-2": worker2}
joining = {**control, **workers}

ENDPOINTS = ",".join(f"https://{host}.{ZONE}:2379" for host in control)
ETCDCTL = f"etcdctl --cacert {TRUST}/etcd-ca.crt --cert {PKI}/etcd.crt --key {PKI}/etcd.key"

start_all()

with subtest("every node joins with a key made for it"):
    in_mesh(primer1)
    for host, node in joining.items():
        enrol(primer1, node, host)
    in_mesh(*joining.values())

with subtest("etcd has three healthy members, over TLS"):
    control1.wait_until_succeeds(f"{ETCDCTL} --endpoints {ENDPOINTS} endpoint health", timeout=90)
    for node in control.values():
        node.wait_until_succeeds("curl --silent --fail --insecure https://127.0.0.1:6444/readyz", timeout=90)

COMPONENTS = f"{RENDERED}/kubernetes/components"
kubectl = f"kubectl --kubeconfig {COMPONENTS}/bootstrap.yaml"

with subtest("no other network reaches etcd or the control plane"):
    for node in control.values():
        underlay = node.succeed("ip -4 -o addr show eth1 | grep -oE '192[0-9.]+' | head -1").strip()
        for port in [2379, 2380, 6443, 10250, 10257, 10259]:
            primer1.fail(f"nc -z -w 1 {underlay} {port}")
        # Not for the firewall alone: nothing listens there.
        for port in [2379, 2380, 6443, 10257, 10259]:
            node.fail(f"nc -z -w 1 {underlay} {port}")
    # The same probe finds what is open.
    control2.succeed(f"nc -z -w 3 control-1.{ZONE} 2379")
    worker1.succeed(f"nc -z -w 3 control-1.{ZONE} 6443")

with subtest("etcd lets in certificates of its own authority only"):
    other = f"etcdctl --cacert {TRUST}/etcd-ca.crt --endpoints https://control-1.{ZONE}:2379 --dial-timeout 2s --command-timeout 3s"
    control1.fail(f"{other} endpoint health")
    control1.fail(f"{other} --cert {PKI}/bootstrap.crt --key {PKI}/bootstrap.key endpoint health")

with subtest("kubectl works with the generated kubeconfigs, and every node is ready"):
    control1.wait_until_succeeds(f"test $({kubectl} get nodes --no-headers | grep -cw Ready) = 5", timeout=90)
    assert "system:node:worker-1" in worker1.succeed(f"kubectl --kubeconfig {COMPONENTS}/kubelet.yaml auth whoami")
    for component in ["kube-proxy", "flannel"]:
        worker1.succeed(f"kubectl --kubeconfig {COMPONENTS}/{component}.yaml get nodes")
        worker1.fail(f"kubectl --kubeconfig {COMPONENTS}/{component}.yaml get secrets")
    api = f"curl --silent --output /dev/null --write-out %{{http_code}} --cacert {TRUST}/kubernetes-ca.crt https://127.0.0.1:6444"
    # Nobody is anonymous but health checks.
    assert worker1.succeed(f"{api}/readyz") == "200"
    assert worker1.succeed(f"{api}/version") == "401"

with subtest("nodes are known by their addresses in the mesh, and the control plane is tainted"):
    nodes = {n["metadata"]["name"]: n for n in json.loads(control1.succeed(f"{kubectl} get nodes -o json"))["items"]}
    for host, node in joining.items():
        addresses = {a["type"]: a["address"] for a in nodes[host]["status"]["addresses"]}
        assert addresses == {"InternalIP": node.succeed("tailscale ip -4").strip(), "Hostname": host}, addresses
        keys = [taint["key"] for taint in nodes[host]["spec"].get("taints", [])]
        assert ("node-role.kubernetes.io/control-plane" in keys) == (host in control), (host, keys)
    assert nodes["worker-1"]["metadata"]["labels"]["topology.kubernetes.io/zone"] == "rack-a"

with subtest("a Secret is ciphertext in etcd"):
    control1.succeed(f"{kubectl} create secret generic probe --from-literal=word=plaintext-of-the-test")
    key = f"{ETCDCTL} --endpoints https://127.0.0.1:2379 get --print-value-only /registry/secrets/default/probe"
    control1.succeed(f"{key} | head -c 22 | grep -qaF k8s:enc:aesgcm:v1:")
    control1.fail(f"{key} | grep -qaF plaintext-of-the-test")
    assert control1.succeed(f"{kubectl} get secret probe -o jsonpath='{{.data.word}}' | base64 -d") == "plaintext-of-the-test"
    # Nor is it in the audit log, which tells that it was made.
    control1.succeed("systemctl is-active kube-apiserver")
    logged = "".join(node.succeed("grep -F '\"name\":\"probe\"' /var/log/kube-apiserver/audit.log || true") for node in control.values())
    assert '"verb":"create"' in logged and "requestObject" not in logged, logged

with subtest("a pod on a worker finds a service by name"):
    control1.wait_until_succeeds(f"{kubectl} -n kube-system rollout status deployment/coredns --timeout 1s", timeout=90)
    control1.wait_until_succeeds(f"{kubectl} get serviceaccount default", timeout=30)

    def pod(name, host, command):
        spec = {"nodeName": host, "terminationGracePeriodSeconds": 0}
        control1.succeed(
            f"{kubectl} run {name} --image keystone.systems/busybox:test --image-pull-policy Never"
            f" --overrides '{json.dumps({'spec': spec})}' --command -- {command}"
        )

    pod("web", "worker-1", "sh -c 'mkdir -p /tmp/www; echo found > /tmp/www/index.html; httpd -f -p 8080 -h /tmp/www'")
    pod("asks", "worker-2", "sleep 100000")
    control1.succeed(f"{kubectl} expose pod web --port 80 --target-port 8080")
    for name in ["web", "asks"]:
        control1.wait_until_succeeds(f"{kubectl} get pod {name} -o jsonpath='{{.status.phase}}' | grep Running", timeout=60)
    ask = f"{kubectl} exec asks -- wget -q -T 3 -O - http://web.default.svc.cluster.local"
    assert control1.wait_until_succeeds(ask, timeout=30).strip() == "found"
    # Names of the mesh too, and the API by its service.
    address = worker1.succeed("tailscale ip -4").strip()
    control1.wait_until_succeeds(f"{kubectl} exec asks -- nslookup worker-1.{ZONE} | grep -F {address}", timeout=30)
    control1.succeed(f"{kubectl} exec asks -- nc -w 3 kubernetes.default.svc.cluster.local 443 < /dev/null")
    assert "found" in control1.succeed(f"{kubectl} exec web -- cat /tmp/www/index.html")

with subtest("one control-plane node dies: writes go on, and every load balancer looks elsewhere"):
    balancers = {"worker-1": worker1, "control-1": control1}
    noticed = "journalctl -b -u keystone-api | grep -c 'control-plane/control-3 is DOWN' || true"
    before = {host: int(node.succeed(noticed)) for host, node in balancers.items()}
    control3.crash()
    for host, node in balancers.items():
        # A request that was on its way to the dead one is cut off when the death is noticed; clients ask again.
        node.wait_until_succeeds(f"test $({api}/readyz --max-time 5) = 200", timeout=10)
        node.wait_until_succeeds(f"test $({noticed}) -gt {before[host]}", timeout=20)
        # More requests than there are servers: none goes to the dead one any more. Where it led etcd, the others are not
        # ready either until they have a new leader.
        node.wait_until_succeeds(f"for i in 1 2 3 4 5 6; do test $({api}/readyz --max-time 1) = 200; done", timeout=30)
    control1.wait_until_succeeds(f"{kubectl} create configmap after-the-crash --request-timeout 5s", timeout=40)
    control2.wait_until_succeeds(f"{kubectl} get configmap after-the-crash --request-timeout 5s", timeout=20)
    assert control1.wait_until_succeeds(ask, timeout=30).strip() == "found"
    # Whoever led before, controllers work.
    control1.wait_until_succeeds(f"{kubectl} create deployment later --image keystone.systems/busybox:test --replicas 1 --request-timeout 5s", timeout=30)
    control1.wait_until_succeeds(f"{kubectl} get replicasets --no-headers --request-timeout 5s | grep later", timeout=60)

with subtest("the node comes back by itself"):
    control3.start()
    control1.wait_until_succeeds(f"{ETCDCTL} --endpoints {ENDPOINTS} endpoint health", timeout=60)
    control3.wait_until_succeeds(f"curl --silent --fail --insecure https://control-3.{ZONE}:6443/readyz", timeout=60)

with subtest("what a cluster needs first is applied by one field manager"):
    managers = control1.succeed(f"{kubectl} -n kube-system get configmap coredns --show-managed-fields -o jsonpath='{{.metadata.managedFields[*].manager}}'")
    assert managers == "keystone-bootstrap", managers
    for host, node in joining.items():
        failed = node.execute("systemctl --failed --plain --no-legend | grep -E 'keystone|kube|etcd|flannel|containerd'")[1]
        assert failed == "", f"{host}: {failed}"
