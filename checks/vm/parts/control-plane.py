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

kubectl = f"kubectl --kubeconfig {RENDERED}/kubernetes/components/bootstrap.yaml"
with subtest("kubectl works with the generated kubeconfigs, and every node is ready"):
    control1.wait_until_succeeds(f"test $({kubectl} get nodes --no-headers | grep -cw Ready) = 5", timeout=90)

with subtest("CoreDNS runs"):
    try:
        control1.wait_until_succeeds(f"{kubectl} -n kube-system rollout status deployment/coredns --timeout 1s", timeout=60)
    finally:
        print(control1.execute(f"{kubectl} get pods -A -o wide; {kubectl} get events -A | grep -v node/ | cut -c1-400 | tail -20; {kubectl} -n kube-system logs deployment/coredns --tail 20 2>&1")[1])
