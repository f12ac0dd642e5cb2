import time

PKI = "/var/lib/keystone/pki"
REPOSITORY = "/tmp/repository"
PRIMER = f"{PROGRAMS}/keystone-primer"
control = {"control-1": control1, "control-2": control2, "control-3": control3}
# On a node of the control plane, of what this node has.
ETCDCTL = f"etcdctl --cacert /etc/keystone/trust/etcd-ca.crt --cert {PKI}/etcd.crt --key {PKI}/etcd.key"
ENDPOINTS = ",".join(f"https://{host}.{ZONE}:2379" for host in control)
KUBECTL = f"kubectl --kubeconfig {RENDERED}/kubernetes/components/bootstrap.yaml --request-timeout 5s"
HEALTH = f"cd / && {PROGRAMS}/keystone-cluster health"


def health(node):
    """What `keystone-cluster health` says there: its exit code, and each point by its name."""
    code, said = node.execute(f"{HEALTH} --json")
    areas = json.loads(said)["areas"]
    return code, {point["what"]: point for area in areas for point in area["points"]}


def until_health(node, wanted, timeout=60):
    """Until each of these points is in that state and says that: what -> (state, a part of what it says)."""
    seen: dict = {}

    def same(_=None):
        code, points = health(node)
        seen.update(code=code, points=points)
        return all(
            what in points and points[what]["state"] in state.split("|") and part in points[what]["detail"]
            for what, (state, part) in wanted.items()
        )

    try:
        retry(same, timeout=timeout)
    except TimeoutError:
        print(node.execute(HEALTH)[1])
        raise
    # Certificates of a test come from no ceremony, so that it is never 0 here; tests/health.rs has that.
    assert seen["code"] == 1, seen["code"]
    return seen["points"]


WELL = {
    **{f"member {host}": ("healthy", "version") for host in control},
    **{f"API server on {host}": ("healthy", "ready") for host in control},
    "leader": ("healthy", "all 3"),
    "members": ("healthy", "the 3 of the inventory"),
    "quorum": ("healthy", "3 of 3"),
}


def all_well(timeout=120):
    for node in control.values():
        node.wait_until_succeeds("curl --silent --fail --insecure https://127.0.0.1:6444/readyz", timeout=timeout)
    return until_health(control1, WELL, timeout)


def there(node, names):
    """Each of these ConfigMaps is there."""
    node.wait_until_succeeds(f"{KUBECTL} get configmaps --output name > /tmp/there", timeout=60)
    found = {line.removeprefix("configmap/") for line in node.succeed("cat /tmp/there").split()}
    missing = sorted(set(names) - found)
    assert not missing, f"{len(missing)} of {len(names)} acknowledged writes are gone: {missing[:5]}"


def a_primer(node):
    """The repository on a primer, its daemon, and so a place for journals."""
    node.succeed(f"mkdir {REPOSITORY} && cp -r {HOSTS} {REPOSITORY}/hosts && {PRIMER} init --cluster production && systemctl restart keystone-primer")
    node.wait_until_succeeds(f"{PRIMER} pending", timeout=30)
