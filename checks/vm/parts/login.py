import base64
import hashlib
import time

API = f"https://kubernetes.{ZONE}:6443"


def kubectl(name, email, groups=""):
    """kubectl with a person's rendered kubeconfig: it logs in by itself."""
    return f"PATH={PLUGIN}:$PATH LOGS_IN={email} MEMBER_OF={groups} kubectl --kubeconfig {RENDERED}/kubernetes/people/{name}.yaml"


def of_inventory(name):
    person = PEOPLE[name]
    return kubectl(name, person["email"], ",".join(person.get("groups", [])))


def by_password(issuer, client, email, password="throw-away"):
    """A token of the issuer; it knows passwords of people, and no groups with them."""
    fields = {"grant_type": "password", "scope": "openid email groups", "client_id": client, "username": email, "password": password}
    data = " ".join(f"--data-urlencode '{key}={value}'" for key, value in fields.items())
    return json.loads(laptop1.succeed(f"curl --silent --show-error --fail {data} {issuer}/token"))["id_token"]


def by_proxy(email, groups=""):
    """A token of the issuer, as the kubeconfig's plugin gets it."""
    said = laptop1.succeed(
        f"LOGS_IN={email} MEMBER_OF={groups} {PLUGIN}/kubectl-oidc_login get-token --oidc-issuer-url={ISSUER} --oidc-client-id={CLIENT}"
        " --oidc-extra-scope=email --oidc-extra-scope=groups"
    )
    return json.loads(said)["status"]["token"]


def answer(token):
    """The number of the answer to a request for pods."""
    return laptop1.succeed(
        f"curl --silent --output /dev/null --write-out %{{http_code}} --cacert {TRUST}/kubernetes-ca.crt"
        f" --header 'Authorization: Bearer {token}' {API}/api/v1/namespaces/default/pods"
    )


def padless(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def key_of(issuer):
    """The key with which an issuer signs, out of its database."""
    return json.loads(login1.succeed(f"sqlite3 /var/lib/{issuer}/dex.db 'select signing_key from keys'"))


def signed(claims, key, kid=None):
    """A token with these claims. RS256 is SHA-256, padded as PKCS #1 says, to the power of the private exponent."""
    n, d = (int.from_bytes(base64.urlsafe_b64decode(key[name] + "=="), "big") for name in ("n", "d"))
    text = ".".join(padless(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": kid or key["kid"]}, claims))
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
    size = (n.bit_length() + 7) // 8
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return f"{text}.{padless(pow(int.from_bytes(padded, 'big'), d, n).to_bytes(size, 'big'))}"


start_all()

with subtest("a control plane, an admin's laptop, and an issuer whose authority the API server alone believes"):
    in_mesh(primer1)
    enrol(primer1, control1, "control-1")
    admit(primer1, laptop1, "alice")
    in_mesh(control1)
    document = f"{ISSUER}/.well-known/openid-configuration"
    control1.wait_until_succeeds(f"curl --silent --fail --cacert {ISSUER_CA} {document}", timeout=60)
    control1.fail(f"curl --silent --fail {document}")
    laptop1.wait_until_succeeds(f"curl --silent --fail --cacert {TRUST}/kubernetes-ca.crt {API}/readyz", timeout=120)
    # The API server asks the issuer for its keys a while after it started, and again until it has them.
    laptop1.wait_until_succeeds(f"{of_inventory('alice')} get clusterrolebinding keystone:developers:edit", timeout=60)

with subtest("people log in with their kubeconfigs, and are who the issuer says"):
    for name, person in PEOPLE.items():
        who = json.loads(laptop1.succeed(f"{of_inventory(name)} auth whoami --output json"))["status"]["userInfo"]
        assert who["username"] == person["email"], who
        assert set(who["groups"]) == {"system:authenticated", *person.get("groups", [])}, who

with subtest("each may do what the inventory says, and nothing else"):
    for name in PEOPLE:
        has_the_rights_of_the_inventory(laptop1, of_inventory(name), name)

with subtest("the inventory gives rights, and not the issuer's groups"):
    # A member of every group at the issuer, whom the inventory does not know.
    eve = kubectl("dave", "eve@keystone.example", "admins,developers,oncall")
    who = json.loads(laptop1.succeed(f"{eve} auth whoami --output json"))["status"]["userInfo"]
    assert {"admins", "developers", "oncall"} < set(who["groups"]), who
    for verb, resource in QUESTIONS:
        said = laptop1.execute(f"{eve} auth can-i {verb} {resource} 2>/dev/null")[1].strip()
        assert said == "no", (verb, resource, said)
    # And the other way round: a token without groups has what its email has.
    assert answer(by_password(ISSUER, CLIENT, PEOPLE["carol"]["email"])) == "200"
    # Unless somebody binds a group of the issuer.
    alice = of_inventory("alice")
    laptop1.succeed(
        f"{alice} create namespace apps",
        f"{alice} create rolebinding developers --clusterrole edit --group developers --namespace apps",
        f"{eve} auth can-i create deployments --namespace apps",
    )
    laptop1.fail(
        f"{eve} auth can-i create deployments --namespace default",
        f"{kubectl('dave', 'eve@keystone.example')} auth can-i create deployments --namespace apps",
    )

with subtest("no other token is good for anything"):
    good = by_proxy(PEOPLE["carol"]["email"], "developers")
    head, body, signature = good.split(".")
    claims = read(body)
    ours, theirs = key_of("dex"), key_of("dex-other")
    assert read(head)["kid"] == ours["kid"] != theirs["kid"], head
    # What follows is refused for the one thing that is wrong with it.
    assert answer(good) == answer(signed(claims, ours)) == "200"
    now = int(time.time())
    named_alice = padless(json.dumps({**claims, "email": PEOPLE["alice"]["email"]}).encode())
    tokens = {
        "for another program": by_password(ISSUER, "grafana", PEOPLE["carol"]["email"]),
        "of another issuer": by_password(f"{ISSUER}:8443", CLIENT, PEOPLE["carol"]["email"]),
        "of another issuer that says it is ours": signed(claims, theirs),
        "of another issuer that says it has our key": signed(claims, theirs, ours["kid"]),
        "that ended an hour ago": signed({**claims, "iat": now - 7200, "exp": now - 3600}, ours),
        "that begins in an hour": signed({**claims, "nbf": now + 3600, "exp": now + 7200}, ours),
        "that never ends": signed({key: value for key, value in claims.items() if key != "exp"}, ours),
        "with an email that nobody verified": signed({**claims, "email_verified": False}, ours),
        "without an email": signed({key: value for key, value in claims.items() if key != "email"}, ours),
        "that was changed after it was signed": f"{head}.{named_alice}.{signature}",
        "that nobody signed": f"{padless(json.dumps({'alg': 'none'}).encode())}.{body}.",
        "of somebody named like the system": by_proxy("system:admin"),
        "with a group of the system": by_proxy(PEOPLE["carol"]["email"], "developers,system:masters"),
    }
    answers = {what: answer(token) for what, token in tokens.items()}
    assert answers == {what: "401" for what in tokens}, answers
    said = laptop1.fail(f"{kubectl('carol', PEOPLE['carol']['email'], 'system:masters')} get pods 2>&1")
    assert "Unauthorized" in said, said
