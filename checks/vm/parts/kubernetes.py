import base64

control = {"control-1": control1, "control-2": control2, "control-3": control3}
kubectl = f"kubectl --kubeconfig {RENDERED}/kubernetes/components/bootstrap.yaml"
API = "https://127.0.0.1:6444"


def leaf(name, authority, subject):
    """A certificate of a day, signed by one of the cluster's authorities."""
    control1.succeed(
        f"cd /tmp && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -subj '{subject}' -out {name}.csr"
        f" && printf 'extendedKeyUsage=clientAuth\\nkeyUsage=critical,digitalSignature\\n' > {name}.ext"
        f" && openssl x509 -req -in {name}.csr -CA {TRUST}/{authority}-ca.crt -CAkey {AUTHORITIES}/{authority}.key -days 1 -extfile {name}.ext -out {name}.leaf"
        f" && cat {name}.leaf {TRUST}/{authority}-ca.crt > {name}.crt"
    )


def shows(name):
    return f"--cert /tmp/{name}.crt --key /tmp/{name}.key"


def answer(url, credentials):
    """The number of the answer, or 000 where the connection itself is refused."""
    return control1.execute(
        f"curl --silent --output /dev/null --max-time 5 --write-out %{{http_code}} --cacert {TRUST}/kubernetes-ca.crt {credentials} {url}"
    )[1]


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


start_all()

with subtest("the control plane serves"):
    in_mesh(primer1)
    for host, node in control.items():
        enrol(primer1, node, host)
    in_mesh(*control.values())
    for node in control.values():
        node.wait_until_succeeds("curl --silent --fail --insecure https://127.0.0.1:6444/readyz", timeout=240)
    control1.wait_until_succeeds(f"{kubectl} get clusterrolebinding keystone:admins:cluster-admin", timeout=60)
    control1.wait_until_succeeds(f"{kubectl} get serviceaccount default", timeout=60)

with subtest("each person may do what the inventory says, and nothing else"):
    for name, person in PEOPLE.items():
        leaf(name, "kubernetes", f"/CN={person['email']}")
        who = f"kubectl --server {API} --certificate-authority {TRUST}/kubernetes-ca.crt --client-certificate /tmp/{name}.crt --client-key /tmp/{name}.key"
        assert person["email"] in control1.succeed(f"{who} auth whoami")
        has_the_rights_of_the_inventory(control1, who, name)
    # The same questions by somebody who is in no inventory, with a certificate of the right authority.
    leaf("eve", "kubernetes", "/CN=eve@keystone.example")
    assert answer(f"{API}/api/v1/namespaces/default/pods", shows("eve")) == "403"

with subtest("kubectl reads each person's file, and would log in where the inventory says"):
    for name in PEOPLE:
        view = json.loads(control1.succeed(f"kubectl --kubeconfig {RENDERED}/kubernetes/people/{name}.yaml config view --output json"))
        assert [user["name"] for user in view["users"]] == [name] and view["current-context"], view
        assert f"--oidc-issuer-url={LOGIN}" in view["users"][0]["user"]["exec"]["args"], view["users"]

with subtest("rights that left the inventory are taken back, and others' bindings stay"):
    dave = PEOPLE["dave"]["email"]
    control1.succeed(
        f"{kubectl} create clusterrolebinding keystone:developers:admin --clusterrole admin --user {dave}",
        f"{kubectl} label clusterrolebinding keystone:developers:admin keystone.systems/rights=inventory",
        f"{kubectl} create clusterrolebinding ours --clusterrole view --user eve@keystone.example",
        f"{kubectl} auth can-i create rolebindings --namespace default --as {dave}",
        "systemctl restart keystone-bootstrap",
    )
    control1.wait_until_fails(f"{kubectl} get clusterrolebinding keystone:developers:admin", timeout=60)
    control1.fail(f"{kubectl} auth can-i create rolebindings --namespace default --as {dave}")
    control1.succeed(f"{kubectl} get clusterrolebinding ours keystone:admins:cluster-admin keystone:developers:edit keystone:oncall:view")

with subtest("system:masters of any other authority opens nothing"):
    mesh = control1.succeed("tailscale ip -4").strip()
    doors = {
        "kubernetes": [f"{API}/api/v1/secrets", f"https://{mesh}:10250/pods"],
        "etcd": [f"https://{mesh}:2379/health"],
    }
    for authority in ["kubernetes", "etcd", "front-proxy", "node"]:
        leaf(f"masters-{authority}", authority, "/O=system:masters/CN=anyone")
    for of, urls in doors.items():
        for url in urls:
            # kubelet's certificate names the node, etcd's the node and the loopback.
            there = f"{shows(f'masters-{of}')} --insecure"
            assert answer(url, there) == "200", (of, url)
            for authority in {"kubernetes", "etcd", "front-proxy", "node"} - {of}:
                got = answer(url, f"{shows(f'masters-{authority}')} --insecure")
                assert got in ("000", "401"), (authority, url, got)

with subtest("tokens of workloads are what the published documents say"):
    token = control1.succeed(f"{kubectl} create token default --duration 1h").strip()
    header, claims, _ = token.split(".")
    header, claims = json.loads(unpadded(header)), json.loads(unpadded(claims))
    published = json.loads(control1.succeed(f"cat {RENDERED}/oidc/openid/v1/jwks"))
    served = json.loads(control1.succeed(f"{kubectl} get --raw /openid/v1/jwks"))
    assert header["alg"] == "RS256" and claims["iss"] == ISSUER, (header, claims)
    assert header["kid"] in {key["kid"] for key in published["keys"]}, header
    by_kid = lambda keys: {key["kid"]: (key["n"], key["e"], key["alg"], key["use"]) for key in keys["keys"]}
    assert by_kid(published) == by_kid(served), (published, served)
    document = json.loads(control1.succeed(f"cat {RENDERED}/oidc/.well-known/openid-configuration"))
    own = json.loads(control1.succeed(f"{kubectl} get --raw /.well-known/openid-configuration"))
    assert {key: document[key] for key in own} == own, (document, own)
    # Nobody gets a year.
    long = control1.succeed(f"{kubectl} create token default --duration 8760h 2>/dev/null || true").strip()
    if long:
        lived = json.loads(unpadded(long.split(".")[1]))
        assert lived["exp"] - lived["iat"] <= 24 * 3600, lived

with subtest("what is denied and what is secret is in the audit log, and no value is"):
    control1.succeed(f"{kubectl} create secret generic audited --from-literal=word=plaintext-of-the-test")
    carol, eve = PEOPLE["carol"]["email"], "eve@keystone.example"
    assert answer(f"{API}/api/v1/namespaces/default/secrets/audited", shows("carol")) == "200"
    assert answer(f"{API}/api/v1/namespaces/default/secrets/audited", shows("eve")) == "403"

    lines: list = []

    def entries(_last):
        global lines
        logs = "".join(node.succeed("cat /var/log/kube-apiserver/audit.log") for node in control.values())
        lines = [json.loads(line) for line in logs.splitlines() if '"name":"audited"' in line]
        return {carol, eve} <= {line["user"]["username"] for line in lines}

    retry(entries, timeout=30)
    decided = {line["user"]["username"]: (line["verb"], line["annotations"]["authorization.k8s.io/decision"]) for line in lines}
    assert decided[carol] == ("get", "allow") and decided[eve] == ("get", "forbid"), decided
    for node in control.values():
        node.fail("grep -F -e plaintext-of-the-test -e $(printf plaintext-of-the-test | base64) /var/log/kube-apiserver/audit.log")
