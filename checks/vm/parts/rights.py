# What the reference inventory says, worked out by hand for its roles: admins everything, developers `edit`, on-call `view`.
QUESTIONS = {
    ("create", "deployments.apps"): {"admin", "edit"},
    ("get", "pods"): {"admin", "edit", "view"},
    ("get", "pods/log"): {"admin", "edit", "view"},
    ("create", "pods/exec"): {"admin", "edit"},
    ("get", "secrets"): {"admin", "edit"},
    ("list", "secrets"): {"admin", "edit"},
    ("delete", "services"): {"admin", "edit"},
    ("get", "configmaps"): {"admin", "edit", "view"},
    ("update", "configmaps"): {"admin", "edit"},
    ("get", "nodes"): {"admin"},
    ("delete", "nodes"): {"admin"},
    ("delete", "namespaces"): {"admin"},
    ("create", "clusterrolebindings.rbac.authorization.k8s.io"): {"admin"},
    ("create", "rolebindings.rbac.authorization.k8s.io"): {"admin"},
    ("impersonate", "users"): {"admin"},
    ("approve", "signers.certificates.k8s.io"): {"admin"},
    ("create", "serviceaccounts/token"): {"admin", "edit"},
}
HAS = {"alice": {"admin", "view"}, "bob": {"admin"}, "carol": {"edit", "view"}, "dave": {"edit"}}

# The table is of this inventory.
for name, person in PEOPLE.items():
    roles = {role for group in person.get("groups", []) for role in GROUPS[group].get("clusterRoles", [])}
    assert HAS[name] == roles | ({"admin"} if person.get("admin") else set()), name


def has_the_rights_of_the_inventory(machine, kubectl_as, name):
    """Asks the API server every question as a person, with the command that makes her one."""
    asked = " ".join(f"{verb}:{resource}" for verb, resource in QUESTIONS)
    said = machine.succeed(
        f"for q in {asked}; do echo $q $({kubectl_as} auth can-i ${{q%%:*}} ${{q#*:}} --namespace default 2>/dev/null || true); done"
    )
    measured = dict(line.rsplit(" ", 1) for line in said.strip().splitlines())
    expected = {f"{verb}:{resource}": "yes" if roles & HAS[name] else "no" for (verb, resource), roles in QUESTIONS.items()}
    assert measured == expected, (name, {q: (measured.get(q), e) for q, e in expected.items() if measured.get(q) != e})


