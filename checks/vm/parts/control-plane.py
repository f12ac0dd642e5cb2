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
print(control1.execute(f"{kubectl} get nodes -o wide; {kubectl} get pods -A -o wide; {kubectl} get events -A")[1])
import time
time.sleep(15)
print(control1.execute(f"{kubectl} get nodes -o wide; {kubectl} get pods -A -o wide; {kubectl} get events -A")[1])
for node in joining.values():
    print(node.execute("systemctl --failed; ss -tlnp; systemctl list-jobs; journalctl -u keystone-bootstrap -u kubelet -u flannel -u kube-proxy -u keystone-api --no-pager | tail -80")[1])
