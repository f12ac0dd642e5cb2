"""The root is replaced by its three steps, while two hundred requests a second come in. `accept` and `drop` are deployed one node after
the other, and no request fails. `issue` is not: who has it and who does not yet are strangers to each other, so all three nodes
get it together, and requests fail until they are back. Nothing acknowledged is lost by any of it."""

import time

from lab import Lab
from load import Load
from nodes import Nodes, credentials, rotate_root_keys

with Lab() as lab:
    nodes = Nodes(lab)
    try:
        before = credentials(lab, "before")
        nodes.make("asked", before)

        with Load(nodes.all, before) as load:
            rotate_root_keys(lab)
            nodes.deploy()
            assert load.failed == [], load.failed[:5]

            rotate_root_keys(lab)
            apart = time.monotonic()
            nodes.deploy_together()
            # The client is deployed, too.
            load.credentials(credentials(lab, "issue"))
            apart = time.monotonic() - apart
            failed = load.drained()

            rotate_root_keys(lab, "--drop")
            nodes.deploy()
        assert load.failed == [], load.failed[:5]
        print(f"        {load}; {len(failed)} failed in the {apart:.0f} s of `issue`")
        nodes.has(load.written, credentials(lab, "drop"))
        nodes.refuse(before)
    finally:
        nodes.stop()
