"""Everything is replaced at once, as somebody else may have it: the control plane comes back with all that it had, and whatever opened
something before opens nothing: a person's certificate, a token, and what an API server shows to etcd."""

import base64
import json
import shutil

from lab import Lab
from nodes import Nodes, credentials, primer

with Lab() as lab:
    nodes = Nodes(lab)
    try:
        alice = credentials(lab, "before")
        nodes.make("kept", alice)
        nodes.make("hidden", alice, kind="secrets", stringData={"word": "a word"})
        nodes.make("robot", alice, kind="serviceaccounts")
        token = nodes.make("robot", alice, kind="serviceaccounts/robot/token", spec={})["status"]["token"]
        stolen = nodes.all[2].files.parent / "stolen"
        shutil.copytree(nodes.all[2].files / "peers/LAB-UNTRUSTED-keys", stolen)

        def admitted(client):
            """Who is let in with what was stolen, on each node."""
            own = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
            asked = {"the token": {"token": token}, "alice": {"client": client}}
            found = {}
            for node in nodes.all:
                found |= {(node.name, who): node.ask(own, body=body, **how)[0] for who, how in asked.items()}
                found[node.name, "a client of etcd"] = 201 if node.member(stolen) else 401
            return found

        assert set(admitted(alice).values()) == {201}, admitted(alice)
        primer(lab, "emergency-rotate", "--all-credentials")
        nodes.deploy_together()
        closed = admitted(alice)
        assert set(closed.values()) == {401}, closed
        nodes.refuse(alice)

        after = credentials(lab, "after")
        nodes.has(["kept"], after)
        for node in nodes.all:
            status, text = node.ask("/api/v1/namespaces/default/secrets/hidden", client=after)
            assert status == 200 and base64.b64decode(json.loads(text)["data"]["word"]) == b"a word", (node.name, text)
            assert node.member(node.files / "peers/LAB-UNTRUSTED-keys"), node.name
        print(f"        {len(closed)} ways in are closed")
    finally:
        nodes.stop()
