import fnmatch

PKI = "/var/lib/keystone/pki"
KUBERNETES = {"control-plane", "worker", "storage", "ingress", "monitoring"}


def with_role(*roles):
    return {host: node for host, node in everyone.items() if set(roles) & set(ROLES[host])}


primers = with_role("primer")
control = with_role("control-plane")
kubelets = with_role(*KUBERNETES)
first = everyone["control-1"]

# What a cluster is made of, and where: a unit of these runs, whatever absent.toml says.
MADE_OF = {
    "tailscaled.service": everyone,
    "sshd.service": everyone,
    "keystone-mesh.service": everyone,
    "nftables.service": everyone,
    "keystone-relay.service": {**primers, **control},
    "headscale.service": {"primer-1": everyone["primer-1"]},
    "etcd.service": control,
    "kube-apiserver.service": control,
    "kube-controller-manager.service": control,
    "kube-scheduler.service": control,
    "kubelet.service": kubelets,
    "kube-proxy.service": kubelets,
    "kube-router.service": kubelets,
    "containerd.service": kubelets,
    "flannel.service": kubelets,
}
NEVER = ["etcd*", "kube-*", "kubelet*", "containerd*", "flannel*", "tailscaled*", "headscale*", "derper*", "keystone-relay*", "sshd*", "agenix*"]

ENDPOINTS = ",".join(f"https://{host}.{ZONE}:2379" for host in control)
ETCDCTL = f"etcdctl --cacert {TRUST}/etcd-ca.crt --cert {PKI}/etcd.crt --key {PKI}/etcd.key"
kubectl = f"kubectl --kubeconfig {RENDERED}/kubernetes/components/bootstrap.yaml"


def unwell(node):
    """Units that are not as they should be, with what systemd says of each: failed, not up yet, or wanted and down."""
    wanted = set(node.succeed("systemctl list-dependencies --plain --no-pager multi-user.target | tr -d ' ●○×'").split())
    found, down = {}, []
    for unit in json.loads(node.succeed("systemctl list-units --all --no-pager --output json")):
        name, state = unit["unit"], unit["active"]
        if not name.endswith((".service", ".timer", ".path", ".socket", ".target", ".mount")):
            continue
        if state in ("failed", "activating"):
            found[name] = f"{state} ({unit['sub']})"
        elif state == "inactive" and name in wanted and unit["load"] == "loaded":
            down.append(name)
    if not down:
        return found
    asked = "Id,Type,Result,ConditionResult,ExecMainExitTimestampMonotonic"
    for block in node.succeed(f"systemctl show --property {asked} {' '.join(down)}").strip().split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        # A oneshot that ran to its end is as it should be, and so is what has nothing to do here.
        ran = unit.get("Type") == "oneshot" and unit.get("Result") == "success" and unit.get("ExecMainExitTimestampMonotonic", "0") != "0"
        if unit["ConditionResult"] == "yes" and not ran:
            found[unit["Id"]] = "wanted and inactive"
    return found


def listed(host, unit):
    return [a for a in ABSENT.get("absent", []) if fnmatch.fnmatch(unit, a["unit"]) and fnmatch.fnmatch(host, a["hosts"])]


complaints: dict = {}


def unlisted(_last):
    """Until every unit is up or on the list; what a timer or a retry is about to mend gets its time."""
    global complaints
    complaints = {
        host: bad
        for host, node in everyone.items()
        if (bad := {unit: why for unit, why in unwell(node).items() if not listed(host, unit)})
    }
    return complaints == {}


start_all()

with subtest("every host joins the mesh"):
    in_mesh(everyone["primer-1"])
    # All keys first: Headscale mints them slowly while it meets fourteen nodes.
    keys = {host: sealed_key(everyone["primer-1"], host) for host in everyone if host != "primer-1"}
    for host, key in keys.items():
        drop(everyone[host], key)
    in_mesh(*everyone.values())
    seen = json.loads(everyone["primer-1"].succeed("headscale nodes list --output json"))
    assert {n.get("given_name") or n["givenName"]: n["tags"] for n in seen} == {host: [TAGS[host]] for host in everyone}

with subtest("the control plane serves"):
    first.wait_until_succeeds(f"{ETCDCTL} --endpoints {ENDPOINTS} endpoint health", timeout=120)
    for node in control.values():
        node.wait_until_succeeds("curl --silent --fail --insecure https://127.0.0.1:6444/readyz", timeout=120)
    first.wait_until_succeeds(f"test $({kubectl} get nodes --no-headers | grep -cw Ready) = {len(kubelets)}", timeout=120)
    first.wait_until_succeeds(f"{kubectl} -n kube-system get deployment coredns", timeout=120)
    first.succeed(f"{kubectl} -n kube-system rollout status deployment/coredns --timeout 120s")

with subtest("what a cluster is made of runs on every host that should run it"):
    for unit, hosts in MADE_OF.items():
        for node in hosts.values():
            node.wait_for_unit(unit, timeout=60)
    for host, node in everyone.items():
        if host != "primer-1":
            assert node.execute("systemctl is-active headscale")[0] != 0, f"{host} is a second coordinator"
    for entry in ABSENT.get("absent", []):
        assert set(entry) == {"unit", "hosts", "lacks", "covered"}, entry
        assert not any(fnmatch.fnmatch(entry["unit"], never) for never in NEVER), f"{entry['unit']} may not be listed"

with subtest("every unit is active, or listed with what this machine lacks"):
    try:
        retry(unlisted, timeout=60)
    except TimeoutError:
        raise AssertionError(json.dumps(complaints, indent=2)) from None
    for entry in ABSENT.get("absent", []):
        hosts = {host: node for host, node in everyone.items() if fnmatch.fnmatch(host, entry["hosts"])}
        bad = [host for host, node in hosts.items() if any(fnmatch.fnmatch(unit, entry["unit"]) for unit in unwell(node))]
        assert bad, f"{entry['unit']} is listed as absent and works on {', '.join(hosts)}"

with subtest("secrets are open where they are read"):
    for node in control.values():
        node.succeed("test -s /run/agenix/etcd-encryption -a -s /run/agenix/headscale-noise")
    everyone["worker-1"].fail("test -e /run/agenix/etcd-encryption")

with subtest("the primers are powered off, and it goes on"):
    before = first.succeed(f"{kubectl} get nodes -o jsonpath='{{.items[*].status.addresses[0].address}}'")
    for node in primers.values():
        node.crash()
    first.succeed(f"{kubectl} create configmap after-the-primers --request-timeout 10s")
    everyone["worker-1"].succeed(f"nc -z -w 5 control-2.{ZONE} 6443")
    everyone["storage-1"].succeed(f"nc -z -w 5 control-3.{ZONE} 6443")
    first.wait_until_succeeds(f"{ETCDCTL} --endpoints {ENDPOINTS} endpoint health", timeout=30)
    first.wait_until_succeeds(f"test $({kubectl} get nodes --no-headers | grep -cw Ready) = {len(kubelets)}", timeout=60)
    assert first.succeed(f"{kubectl} get nodes -o jsonpath='{{.items[*].status.addresses[0].address}}'") == before
