"""Intermediates, and with them every certificate, are replaced on three nodes one after the other, while two hundred requests a
second come in: none fails (load.py says what that is), nothing acknowledged is lost, and in the end the certificates of before open
nothing."""

import ssl

from lab import Lab
from load import Load
from nodes import Nodes, credentials, rotate_keys

with Lab() as lab:
    nodes = Nodes(lab)
    try:
        before = credentials(lab, "before")
        nodes.make("asked", before)

        def shown():
            return {ssl.get_server_certificate(tuple(node.address.split(":"))) for node in nodes.all}

        with Load(nodes.all, before) as load:
            old = shown()
            rotate_keys(lab, "--type", "intermediate", "--overlap-days", "0")
            nodes.deploy()
            assert not old & shown(), "an API server still shows the certificate of before"
            # Whoever has not been deployed yet is let in during the overlap; from here on the client has its new one.
            after = credentials(lab, "after")
            load.credentials(after)
            rotate_keys(lab, "--type", "intermediate", "--finish")
            nodes.deploy()
        print(f"        {load}; {len(load.failed)} failed")
        assert load.failed == [], load.failed[:5]
        nodes.has(load.written, after)
        nodes.refuse(before)
    finally:
        nodes.stop()
