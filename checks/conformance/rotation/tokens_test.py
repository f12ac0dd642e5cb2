"""The key that signs tokens of workloads is replaced: whoever has a token is let in, at both API servers, at every moment."""

import json
import pathlib
import tempfile

from lab import PROGRAM, Lab, run

STAGES = ["published", "signs", "alone"]

with Lab() as lab, tempfile.TemporaryDirectory() as work:
    second = lab.second_server()
    tokens = {}

    def kids(documents):
        return {key["kid"] for key in documents["keys"]}

    def mint(when):
        for name, server in {"first": lab.first, "second": second}.items():
            # Pods, too, get theirs from whichever server they meet.
            token = lab.kubectl(server, "create", "token", "default", "--duration=24h").strip()
            tokens[f"{when}, of the {name}"] = token

    def refused():
        """Which tokens are refused, and where."""
        found = set()
        for name, server in {"first": lab.first, "second": second}.items():
            for when, token in tokens.items():
                status, text = server.ask("/api/v1/namespaces/default/pods", token)
                # Somebody, though not somebody with rights.
                known = status == 403 and "system:serviceaccount:default:default" in text
                assert known or status == 401, (when, name, status, text)
                if not known:
                    found.add((when, name))
        return found

    def published():
        """What the tree says that clouds get."""
        out = pathlib.Path(work) / "rendered"
        run(PROGRAM, "render", lab.folder / "cluster.toml", "--trust", lab.folder / "trust", "--out", out)
        return json.loads((out / "oidc/openid/v1/jwks").read_text())

    old = kids(lab.first.json("/openid/v1/jwks"))
    assert len(old) == 1 and old == kids(published()), old
    mint("before")
    both = None
    for stage in STAGES:
        said = lab.secrets("rotate", "oidc-signing")
        # Clouds get the new list before any server has it.
        now = kids(published())
        if stage == "published":
            both = now
            assert len(both) == 2 and old < both, both
            assert "wait an hour until everybody has the new public key" in said, said
        elif stage == "signs":
            assert now == both, now
            assert "wait a day until the last token of the old key has expired" in said, said
        else:
            assert now == both - old, now
        lab.restart("kube-apiserver")
        # One server is a step ahead of the other.
        assert kids(lab.first.json("/openid/v1/jwks")) == now, stage
        mint(f"{stage}, by one of two")
        if stage != "alone":
            assert refused() == set(), (stage, refused())
        second.follow()
        assert kids(second.json("/openid/v1/jwks")) == now, stage
        mint(f"{stage}, by both")
        if stage != "alone":
            assert refused() == set(), (stage, refused())
    # The old key's tokens are over, wherever they are from; a day later there are none. All others are as good as ever.
    signed_by_new = {when for when in tokens if when.startswith(("signs, by both", "alone"))} | {"signs, by one of two, of the first"}
    assert refused() == {(when, server) for when in set(tokens) - signed_by_new for server in ("first", "second")}, refused()
    print(f"        {len(tokens)} tokens of {len(both)} keys at two servers")
