start_all()
primer1.wait_for_unit("headscale.service", timeout=60)
primer1.wait_for_unit("keystone-mesh.service", timeout=60)

with subtest("every node joins with a key made for it"):
    for name in joining:
        made = json.loads(primer1.succeed(f"headscale preauthkeys create --tags {tags[name]} --expiration 1h --output json"))
        # age writes no key to a disk on its way: what travels is what an admin would commit.
        sealed = primer1.succeed(f"printf %s {made['key']} | age -r {recipients[name]} | base64 -w0")
        machine_of[name].succeed(f"echo {sealed} | base64 -d > /var/lib/keystone/mesh/join.new && mv /var/lib/keystone/mesh/join.new /var/lib/keystone/mesh/join.age")
    for name in joining:
        machine_of[name].wait_for_unit("keystone-mesh.service", timeout=60)

pki = "/var/lib/keystone/pki"
with subtest("etcd has three healthy members, over TLS"):
    members = ("control1", "control2", "control3")
    endpoints = ",".join(f"https://{names[member]}.keystone.internal:2379" for member in members)
    etcdctl = f"etcdctl --cacert {trust}/etcd-ca.crt --cert {pki}/etcd.crt --key {pki}/etcd.key --endpoints {endpoints}"
    control1.wait_until_succeeds(f"{etcdctl} endpoint health", timeout=90)
    for node in (control1, control2, control3):
        node.wait_for_unit("kube-apiserver.service", timeout=60)
    print(control1.execute("systemctl --failed; ss -tlnp")[1])
