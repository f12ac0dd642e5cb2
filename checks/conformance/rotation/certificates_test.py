"""Intermediates, and with them every certificate, are replaced on three nodes one after the other, while two hundred requests a
second come in: none fails but what is sent again (load.py), nothing acknowledged is lost, and in the end the certificates of before open nothing."""

import json
import pathlib
import ssl

from lab import Lab
from load import Load
from nodes import Nodes, opened, rotate_keys

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
        issuer = lambda node: ssl.get_server_certificate(tuple(node.address.split(":")))

        with Load(nodes.all, before) as load:
            served = {node.name: issuer(node) for node in nodes.all}
            rotate_keys(lab, "--type", "intermediate", "--overlap-days", "0")
            nodes.deploy()
            assert not set(served.values()) & {issuer(node) for node in nodes.all}, "the API servers show other certificates"
            # Whoever has not been deployed yet is let in during the overlap; from here on the client has its new one.
            load.credentials(credentials("after"))
            rotate_keys(lab, "--type", "intermediate", "--finish")
            nodes.deploy()
        print(f"        {load.counts['good']} requests in {load.seconds:.0f} s, {load.counts['repeated']} of them sent twice, {len(load.failed)} failed")
        assert load.failed == [], load.failed[:5]
        there = {item["metadata"]["name"] for item in json.loads(first.ask("/api/v1/namespaces/default/configmaps", client=folder / "after")[1])["items"]}
        assert set(load.written) <= there, set(load.written) - there
        # The overlap is over.
        for node in nodes.all:
            status, text = node.ask("/api/v1/namespaces/default/configmaps", client=before)
            assert status == 401, (node.name, status, text)
    finally:
        nodes.stop()
