"""The root is replaced by its three steps, and between the first two the intermediates by those below the new root, while two hundred
requests a second come in. All of it is deployed one node after the other, and no request fails. Nothing acknowledged is lost, and
in the end the certificates of before open nothing."""

from lab import Lab
from load import Load
from nodes import Nodes, credentials, rotate_keys, rotate_root_keys

with Lab() as lab:
    nodes = Nodes(lab)
    try:
        before = credentials(lab, "before")
        nodes.make("asked", before)

        with Load(nodes.all, before) as load:

            def step(name, rotate, *arguments):
                rotate(lab, *arguments)
                nodes.deploy()
                assert load.failed == [], (name, load.failed[:5])
                # The client is deployed, too.
                load.credentials(credentials(lab, name))

            step("accept", rotate_root_keys)
            step("promote", rotate_keys, "--type", "intermediate")
            step("issue", rotate_root_keys)
            step("drop", rotate_root_keys, "--drop")
        print(f"        {load}; {len(load.failed)} failed")
        assert load.failed == [], load.failed[:5]
        after = credentials(lab, "after")
        nodes.has(load.written, after)
        nodes.refuse(before)
    finally:
        nodes.stop()
