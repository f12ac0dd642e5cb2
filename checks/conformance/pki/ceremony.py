"""Every chain that a ceremony writes, and each rotation after it: what a machine or a person gets in `secrets`, by what everybody
believes in `trust`. OpenSSL judges here; the cases are written for Go's judge.

    ceremony.py KEYSTONE-CLUSTER FOLDER      the cases are FOLDER/ceremony.json
"""

import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass

from openssl import OpenSSL
from reference import Leaf, Reference

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
IDENTITIES = REPOSITORY / "checks/fixtures/identities"
AUTHORITIES = ("kubernetes", "etcd", "front-proxy", "node")
# How Go says why it refuses.
REASONS = {
    "issuer": "certificate signed by unknown authority",
    "purpose": "incompatible key usage",
    "host": "certificate is valid for",
    "key": "private key does not match",
    "revoked": "revoked",
}


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def split(bundle):
    return re.findall(r"-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n", bundle)


@dataclass(frozen=True)
class Case:
    """One chain, one who believes, one purpose. `because` is why it is refused; of what is accepted, `written` is what it has to say."""

    name: str
    leaf: str
    intermediates: str
    anchors: str
    partial: bool
    usage: str
    host: str | None = None
    because: str | None = None
    written: dict | None = None
    list: str | None = None
    # OpenSSL reads a list of the leaf's own issuer alone; etcd looks its number up in whatever it has.
    etcd_alone: bool = False

    def question(self, now):
        return {
            "name": self.name, "leaf": self.leaf, "intermediates": self.intermediates, "anchors": self.anchors, "usage": self.usage,
            "host": self.host, "time": now, "accepted": self.because is None, "because": REASONS.get(self.because, ""),
            "written": self.written, "list": self.list,
        }  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """What a holder has: a leaf, what goes along with it, its key, and what the reference says of it."""

    name: str
    leaf: str
    along: tuple
    key: str
    says: Leaf


class Lab:
    """A lab and its folder. Whatever happens, nothing of it is left."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder / "lab"
        self.environment = {**os.environ, "KEYSTONE_PRIMER_CONFIG": str(self.folder / "primer-1/primer.json")}

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        return self

    def __exit__(self, *_):
        subprocess.run([self.program, "lab", "down", "--dir", self.folder], capture_output=True, check=False)

    def lab(self, *arguments):
        run(self.program, "lab", *arguments, "--dir", self.folder, cwd=REPOSITORY)

    def rotate(self, program, identity, *arguments):
        """A command that replaces keys, on the first primer or the first node of the control plane."""
        files = (("inventory", "cluster.toml"), ("secrets", "secrets"), ("trust", "trust"))
        run(
            *program, *arguments, *(part for option, file in files for part in (f"--{option}", self.folder / file)),
            "--identity", IDENTITIES / f"nodes/{identity}.txt",
            env=self.environment,
        )  # fmt: skip

    def intermediates(self, *arguments):
        self.rotate([self.program, "rotate-keys", "--type", "intermediate"], "control-1", *arguments)

    def primer(self, verb, *arguments):
        self.rotate([self.folder / "bin/keystone-primer", verb], "primer-1", *arguments)

    def signed(self, host):
        """A certificate by the root itself, and its key."""
        key, csr, out = (self.folder / f"{host}.{suffix}" for suffix in ("key", "csr", "crt"))
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/", "-keyout", key, "-out", csr)
        run(self.folder / "bin/keystone-primer", "sign-certificate", "--csr", csr, "--out", out, env=self.environment)
        return out.read_text(), key.read_text()

    def opened(self, secret, identity):
        return run("age", "--decrypt", "--identity", IDENTITIES / f"{identity}.txt", self.folder / f"secrets/{secret}.age")

    def trust(self):
        return {path.stem: path.read_text() for path in sorted((self.folder / "trust").glob("*.crt"))}

    def revoke(self, holder):
        self.rotate([self.program, "rotate-keys", "--type", "leaves"], "control-1", "--revoke", f"{holder}=key-compromise")

    def list(self):
        """What members of etcd read, who want it in DER, as everybody else has it."""
        text = base64.encodebytes((self.folder / "trust/etcd-ca.crl").read_bytes()).decode()
        return f"-----BEGIN X509 CRL-----\n{text}-----END X509 CRL-----\n"

    def chains(self, reference):
        """Everything that machines and people have now, each opened with its own key."""
        found = []
        for kind, secret in (("nodes", "pki"), ("people", "person")):
            for holder in reference.inventory[kind]:
                files = json.loads(self.opened(f"{secret}-{holder}", f"{kind}/{holder}"))
                held = reference.held(holder)
                wanted = {f"{leaf}.{suffix}" for leaf in held for suffix in ("crt", "key")}
                if set(files) != wanted:
                    raise SystemExit(f"{holder} has {sorted(files)}, and by the reference {sorted(wanted)}")
                for leaf in sorted(held):
                    first, *along = split(files[f"{leaf}.crt"])
                    says = reference.leaf(leaf, holder)
                    found.append(Chain(f"{holder}'s {leaf}", first, tuple(along), files[f"{leaf}.key"], says))
        return found


class Cases:
    """What is asked, step by step."""

    def __init__(self):
        self.all = []
        self.step = ""
        self.read = set()

    def add(self, what, leaf, along, anchors, usage, **more):
        self.all.append(Case(f"{self.step}: {what}", leaf, "".join(along), anchors, usage=usage, **{"partial": False, **more}))

    def chains(self, chains, trust, refused=(), what=""):
        """Each chain as it is written: by the bundle of its own intermediate, and by the root, but for who refuses it; and by no other.
        What it says is read when it is there for the first time."""
        for chain in chains:
            says = chain.says
            own = trust[f"{says.authority}-ca"]
            saying = {}
            if chain not in self.read:
                saying = {"host": says.host, "written": {"key": chain.key, "names": says.names, "subject": says.subject}}
                self.read.add(chain)
            for usage in says.usages:
                name = f"{chain.name}{what}, as a {usage}"
                ask = (chain.leaf, chain.along)
                why = {who: "issuer" if who in refused else None for who in ("bundle", "root")}
                self.add(f"{name}, by its bundle", *ask, own, usage, partial=True, because=why["bundle"], **saying)
                self.add(f"{name}, by the root", *ask, trust["root-ca"], usage, because=why["root"])
                for other in AUTHORITIES:
                    if other != says.authority:
                        self.add(f"{name}, by {other}", *ask, trust[f"{other}-ca"], usage, partial=True, because="issuer")

    def wrong(self, chains, trust):
        """One thing wrong with each: the intermediate, the purpose, the name, the key."""
        for at, chain in enumerate(chains):
            says, name, root = chain.says, chain.name, trust["root-ca"]
            usage = says.usages[0]
            other = next(one for one in AUTHORITIES if one != says.authority)
            successor = split(trust[f"{says.authority}-ca"])[1]
            for swapped, what in ((split(trust[f"{other}-ca"])[0], f"that of {other}"), (successor, "its successor")):
                self.add(f"{name}, its intermediate swapped for {what}", chain.leaf, (swapped,), root, usage, because="issuer")
            self.add(f"{name}, without its intermediate", chain.leaf, (), root, usage, because="issuer")
            for missing in {"server", "client"} - set(says.usages):
                self.add(f"{name}, as a {missing}", chain.leaf, chain.along, root, missing, because="purpose")
            if says.host:
                self.add(f"{name}, elsewhere", chain.leaf, chain.along, root, usage, host="elsewhere.example", because="host")
            key = {"key": chains[at - 1].key, "names": says.names, "subject": says.subject}
            self.add(f"{name}, with another's key", chain.leaf, chain.along, root, usage, because="key", written=key)

    def listed(self, chains, revoked, trust, lab, what="", etcd_alone=False):
        """Of the chains below the intermediate of etcd, these are on the list, and no others."""
        for chain in chains:
            if chain.says.authority == "etcd":
                because = "revoked" if chain in revoked else None
                more = {"because": because, "list": lab.list(), "etcd_alone": etcd_alone}
                self.add(f"{chain.name}{what}, by the list", chain.leaf, chain.along, trust["etcd-ca"], "client", partial=True, **more)

    def by_the_root(self, holder, says, signed, trust, because=None):
        """A machine's certificate that the root signed itself: no bundle of an intermediate makes it believed."""
        leaf, key = signed
        name = f"{holder}'s, by nobody between"
        saying = {"host": says.host, "written": {"key": key, "names": says.names, "subject": says.subject}} if because is None else {}
        for usage in says.usages:
            self.add(f"{name}, as a {usage}, by the root", leaf, (), trust["root-ca"], usage, because=because, **saying)
            for authority in AUTHORITIES:
                anchors = trust[f"{authority}-ca"]
                self.add(f"{name}, as a {usage}, by {authority}", leaf, (), anchors, usage, partial=True, because="issuer")

    def bundles(self, trust, lab):
        """Everything in a bundle has a way up to the root, and whoever issues has the keys, in the order of the bundle."""
        for authority in AUTHORITIES:
            file = "k8s" if authority == "kubernetes" else authority
            successors = json.loads(lab.opened(f"{file}-ca-successors", "nodes/control-1"))
            keys = [lab.opened(f"{file}-ca-key", "nodes/control-1"), *(successors[at] for at in sorted(successors, key=int))]
            for at, one in enumerate(split(trust[f"{authority}-ca"])):
                written = {"written": {"key": keys[at]}} if at < len(keys) else {}
                self.add(f"number {at} of {authority}", one, (), trust["root-ca"], "any", **written)
        for at, one in enumerate(split(trust["root-ca"])):
            self.add(f"root {at}", one, (), trust["root-ca"], "any")


def ceremony(lab, cases):
    """A lab from its ceremony to a new root, and to an emergency."""
    lab.lab("up")
    inventory = tomllib.loads((lab.folder / "cluster.toml").read_text())
    reference = Reference((REPOSITORY / "docs/reference/certificates.md").read_text(), inventory)

    def step(name):
        cases.step, trust, chains = name, lab.trust(), lab.chains(reference)
        cases.bundles(trust, lab)
        return trust, chains

    trust, first = step("ceremony")
    cases.chains(first, trust)
    cases.wrong(first, trust)
    node = reference.leaf("node", "worker-1")
    direct = lab.signed("worker-1")
    cases.by_the_root("worker-1", node, direct, trust)

    # The primers sleep. The control plane takes one node's certificates back, and replaces its intermediates.
    lab.lab("down", "--keep")
    lab.revoke("control-2")
    trust, anew = step("revoke")
    revoked = {chain for chain in first if chain.name.startswith("control-2's")}
    if set(first) - set(anew) != revoked:
        raise SystemExit("others than control-2 have other certificates")
    cases.chains(set(anew) - set(first), trust)
    cases.listed(anew, set(), trust, lab)
    cases.listed(first, revoked, trust, lab, what=" of before")
    lab.intermediates("--overlap-days", "0")
    trust, second = step("successor")
    cases.chains(second, trust)
    cases.chains(first, trust, what=" of before")
    cases.wrong(second, trust)
    cases.listed(second, set(), trust, lab)
    cases.listed(first, revoked, trust, lab, what=" of before", etcd_alone=True)
    lab.intermediates("--finish")
    trust, second = step("finish")
    cases.chains(second, trust)
    cases.chains(first, trust, refused=("bundle",), what=" of before")

    lab.lab("up")
    old = trust["root-ca"]
    lab.primer("rotate-root-keys")
    trust, second = step("accept")
    (new,) = set(split(trust["root-ca"])) - {old}
    cross = split(trust["root-cross"])
    cases.chains(second, trust)
    for chain in second:
        usage, along = chain.says.usages[0], (*chain.along, *cross)
        cases.add(f"{chain.name}, by the new root over the old", chain.leaf, along, new, usage)
        cases.add(f"{chain.name}, by the new root, not over the old", chain.leaf, chain.along, new, usage, because="issuer")
    for one, by, root in zip(cross, ("old", "new"), (old, new)):
        cases.add(f"the other root, by the {by} one", one, (), root, "any")

    # Who has the bundles of now believes what comes next.
    prepared = trust
    lab.intermediates("--overlap-days", "0")
    trust, third = step("promote")
    cases.chains(third, trust)
    cases.chains(third, prepared, what=", by who was not deployed since")
    cases.chains(second, trust, what=" of before")
    cases.wrong(third, trust)
    for chain in third:
        usage, (intermediate, *over) = chain.says.usages[0], chain.along
        cases.add(f"{chain.name}, by the new root", chain.leaf, chain.along, new, usage)
        cases.add(f"{chain.name}, by the old root over what goes along", chain.leaf, chain.along, old, usage)
        cases.add(f"{chain.name}, by the old root alone", chain.leaf, (intermediate,), old, usage, because="issuer")

    lab.primer("rotate-root-keys")
    trust, same = step("issue")
    if same != third:
        raise SystemExit("the new root signs, and leaves are others than before")
    cases.chains(third, trust)
    cases.chains(second, trust, what=" of before")
    cases.by_the_root("worker-1", node, lab.signed("worker-1"), trust)

    lab.primer("rotate-root-keys", "--drop")
    trust, third = step("drop")
    cases.chains(third, trust)
    cases.chains(second, trust, refused=("bundle", "root"), what=" of before")
    cases.by_the_root("worker-1", node, direct, trust, because="issuer")

    lab.primer("emergency-rotate", "--all-credentials")
    trust, fourth = step("emergency")
    cases.chains(fourth, trust)
    cases.wrong(fourth, trust)
    cases.chains(third, trust, refused=("bundle", "root"), what=" of before")


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    cases = Cases()
    with Lab(program, folder) as lab:
        ceremony(lab, cases)
    names = [case.name for case in cases.all]
    assert len(set(names)) == len(names), "each case has a name of its own"
    now = int(time.time())
    (folder / "ceremony.json").write_text(json.dumps([case.question(now) for case in cases.all]))
    # That a key belongs to its certificate is not a matter of chains.
    passed, wrong = OpenSSL(folder).judge([case for case in cases.all if case.because != "key" and not case.etcd_alone])
    for text in wrong:
        print(f"FAILED: OpenSSL: {text}")
    print(f"{passed} passed, {len(wrong)} failed, 0 skipped")
    sys.exit(bool(wrong) or not passed)


main()
