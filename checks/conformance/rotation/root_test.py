"""The root is replaced by its three steps, while two hundred requests a second come in. `accept` and `drop` are deployed one node after
the other, and no request fails. `issue` is not: who has it and who does not yet are strangers to each other, so all three nodes
get it together, and requests fail until they are back. Nothing acknowledged is lost by any of it."""

import json
import pathlib
import time

from lab import Lab
from load import Load
from nodes import Nodes, opened, rotate_root_keys

with Lab() as lab:
    nodes = Nodes(lab)
    try:
        folder = pathlib.Path(lab.parent.name)

        def credentials(name):
            """What alice has now: her own certificate, and the bundle of the tree."""
            mine = folder / name
            mine.mkdir()
            files = json.loads(opened(lab, "people/alice", "person-alice"))
            (mine / "client.crt").write_text(files["break-glass.crt"])
            (mine / "client.key").write_text(files["break-glass.key"])
            (mine / "ca.crt").write_bytes((lab.folder / "trust/kubernetes-ca.crt").read_bytes())
            return mine

        before = credentials("before")
        first = nodes.all[0]
        made = first.ask("/api/v1/namespaces/default/configmaps", client=before, body={"metadata": {"name": "asked"}})
        assert made[0] == 201, made

        with Load(nodes.all, before) as load:
            rotate_root_keys(lab)
            nodes.deploy()
            assert load.failed == [], load.failed[:5]

            rotate_root_keys(lab)
            apart = time.monotonic()
            nodes.deploy_together()
            # The client is deployed, too.
            load.credentials(credentials("issue"))
            apart = time.monotonic() - apart
            failed = load.drained()

            rotate_root_keys(lab, "--drop")
            nodes.deploy()
        assert load.failed == [], load.failed[:5]
        print(f"        {load.counts['good']} requests in {load.seconds:.0f} s, {load.counts['repeated']} of them sent twice; {len(failed)} failed in the {apart:.0f} s of `issue`")
        after = credentials("drop")
        there = {item["metadata"]["name"] for item in json.loads(first.ask("/api/v1/namespaces/default/configmaps", client=after)[1])["items"]}
        assert set(load.written) <= there, set(load.written) - there
        for node in nodes.all:
            status, text = node.ask("/api/v1/namespaces/default/configmaps", client=before)
            assert status == 401, (node.name, status, text)
    finally:
        nodes.stop()
