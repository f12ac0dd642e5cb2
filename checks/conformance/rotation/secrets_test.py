"""The key that encrypts Secrets in etcd is replaced: each API server reads what the other wrote, nothing is lost, and in the end
nothing lies there under the old key."""

import base64
import json

from lab import Lab

with Lab() as lab:
    second = lab.second_server()
    words = {}

    def keep(server, name):
        words[name] = f"word of {name}"
        lab.kubectl(server, "create", "secret", "generic", name, f"--from-literal=word={words[name]}")

    def under():
        """Under which key each Secret lies in etcd."""
        found = {}
        for path, value in lab.stored("/registry/secrets/").items():
            head = value.split(b":", 5)
            assert head[:4] == [b"k8s", b"enc", b"aesgcm", b"v1"], (path, value[:40])
            assert not any(word.encode() in value for word in words.values()), path
            found[path.rsplit("/", 1)[1]] = head[4].decode()
        return found

    def nothing_is_lost():
        for server in (lab.first, second):
            items = server.json("/api/v1/secrets")["items"]
            read = {item["metadata"]["name"]: base64.b64decode(item["data"]["word"]).decode() for item in items if "word" in item["data"]}
            assert read == words, (server.address, read, words)

    keep(lab.first, "before")
    (old,) = set(under().values())

    # A key more: it decrypts at the first server, and encrypts nowhere.
    lab.secrets("rotate", "etcd-encryption")
    lab.restart("kube-apiserver")
    keep(lab.first, "added-at-one")
    keep(second, "added-not-here-yet")
    nothing_is_lost()
    second.follow()
    nothing_is_lost()
    assert set(under().values()) == {old}, under()

    # It encrypts: first at one server, while the other goes on with the old one.
    lab.secrets("rotate", "etcd-encryption")
    lab.restart("kube-apiserver")
    keep(lab.first, "used-at-one")
    keep(second, "used-not-here-yet")
    nothing_is_lost()
    (new,) = set(under().values()) - {old}
    assert under()["used-at-one"] == new and under()["used-not-here-yet"] == old, under()
    second.follow()
    keep(second, "used-by-both")
    assert under()["used-by-both"] == new, under()

    # What lies under the old key is written anew, as docs/how-to/rotate.md says.
    assert old in under().values()
    everything = lab.kubectl(lab.first, "get", "secrets", "--all-namespaces", "--output=json")
    lab.kubectl(lab.first, "replace", "--filename=-", input=everything)
    assert set(under().values()) == {new}, under()
    nothing_is_lost()

    # And the old one goes.
    lab.secrets("rotate", "etcd-encryption")
    lab.restart("kube-apiserver")
    nothing_is_lost()
    second.follow()
    nothing_is_lost()
    keep(second, "after")
    assert set(under().values()) == {new}, under()
    nothing_is_lost()
    names = {key["name"] for key in json.loads(lab.key("etcd-encryption").read_text())["resources"][0]["providers"][0]["aesgcm"]["keys"]}
    assert names == {new}, names
    print(f"        {len(under())} Secrets, from {old} to {new}")
