"""Three nodes of the control plane, each a member of etcd and an API server on loopback, with the certificates and secrets that are
the node's own. What they are started with is what the lab starts its one with, and what modules/control-plane adds for several."""

import json
import os
import pathlib
import shutil
import socket
import subprocess

from lab import IDENTITIES, PROGRAM, Server, end, run, until

NAMES = ["control-1", "control-2", "control-3"]
# For how long an API server that is to end says so before it does.
DELAY = 4


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def arguments_of(lab, program):
    """What the lab's program was started with, without what is each node's own."""
    line = pathlib.Path(f"/proc/{lab.process(program)}/cmdline").read_bytes().decode().split("\0")[1:-1]
    own = ("name=", "data-dir=", "listen-", "advertise-client", "initial-", "secure-port=", "etcd-servers=", "service-account-key-file=")
    return [argument for argument in line if not argument.removeprefix("--").startswith(own)]


class Node(Server):
    """One of them."""

    def __init__(self, lab, name, ports, programs):
        self.lab, self.name, self.programs = lab, name, programs
        self.client, self.peer, port = ports
        super().__init__(f"127.0.0.1:{port}", pathlib.Path(lab.parent.name).resolve() / name)
        self.etcd = self.apiserver = None

    def install(self):
        """What a deployment lays down: public files, and the node's own secrets, opened with its own key."""
        keys = self.files / "peers/LAB-UNTRUSTED-keys"
        for folder in (self.files / "trust", keys):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.lab.folder / "trust", self.files / "trust")
        keys.mkdir(parents=True, mode=0o700)
        shutil.copytree(self.lab.folder / "peers/kube-apiserver", self.files / "peers/kube-apiserver", dirs_exist_ok=True)
        for secret in ("etcd-encryption", "oidc-signing"):
            (keys / secret).write_text(opened(self.lab, f"nodes/{self.name}", secret))
        for file, text in json.loads(opened(self.lab, f"nodes/{self.name}", f"pki-{self.name}")).items():
            (keys / file).write_text(text)

    def start(self, program, arguments):
        with open(self.files / f"{program}.log", "a") as log:
            return subprocess.Popen([program, *arguments], stdout=log, stderr=log, cwd=self.files)

    def member(self, folder):
        """Whether this node's member of etcd lets somebody in who has the certificate in a folder."""
        return not subprocess.run(
            ["etcdctl", f"--endpoints=https://127.0.0.1:{self.client}", f"--cacert={self.files}/trust/etcd-ca.crt", "--command-timeout=10s"]
            + [f"--cert={folder}/apiserver-etcd.crt", f"--key={folder}/apiserver-etcd.key", "endpoint", "status"],
            capture_output=True, check=False,
        ).returncode  # fmt: skip

    def start_etcd(self, cluster):
        client, peer = (f"https://127.0.0.1:{port}" for port in (self.client, self.peer))
        self.etcd = self.start(
            "etcd",
            [argument.replace(str(self.lab.folder), str(self.files)) for argument in self.programs["etcd"]]
            + [f"--name={self.name}", f"--data-dir={self.files}/data", f"--initial-cluster={cluster}", "--initial-cluster-token=rotation"]
            + ["--heartbeat-interval=200", "--election-timeout=2000"]
            + [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
            + [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"],
        )

    def start_apiserver(self):
        keys = sorted((self.files / "trust/service-account").glob("*.pub"))
        self.apiserver = self.start(
            "kube-apiserver",
            [argument.replace(str(self.lab.folder), str(self.files)) for argument in self.programs["kube-apiserver"]]
            + [f"--secure-port={self.address.split(':')[1]}", f"--etcd-servers=https://127.0.0.1:{self.client}"]
            + [f"--shutdown-delay-duration={DELAY}s", "--goaway-chance=0.001"]
            + [f"--service-account-key-file={key}" for key in keys],
        )

    def ready(self):
        """Whether a load balancer would send somebody here: nobody's certificate is needed for this."""
        try:
            return self.ask("/readyz", token="", anchor=self.lab.folder / "trust/root-ca.crt")[0] == 200
        except OSError:
            return False

    def log(self, program):
        return (self.files / f"{program}.log").read_text()[-3000:]

    def stop(self):
        """In the order in which systemd stops them."""
        for process, patience in ((self.apiserver, DELAY + 6), (self.etcd, 10)):
            if process and process.poll() is None:
                end(process.pid, patience)
                process.wait()


class Nodes:
    """All three."""

    def __init__(self, lab):
        self.lab = lab
        programs = {name: arguments_of(lab, name) for name in ("etcd", "kube-apiserver")}
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            end(lab.process(name))
        ports = free_ports(9)
        self.all = [Node(lab, name, ports[3 * at : 3 * at + 3], programs) for at, name in enumerate(NAMES)]
        self.cluster = ",".join(f"{node.name}=https://127.0.0.1:{node.peer}" for node in self.all)
        for node in self.all:
            node.install()
            node.start_etcd(self.cluster)
        for node in self.all:
            node.start_apiserver()
        for node in self.all:
            self.wait(node)

    def wait(self, node):
        try:
            until(f"{node.name} is ready", node.ready, 120)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{node.log('etcd')}\n{node.log('kube-apiserver')}") from None

    def deploy(self):
        """One after the other, each healthy before the next."""
        for node in self.all:
            node.stop()
            node.install()
            node.start_etcd(self.cluster)
            node.start_apiserver()
            self.wait(node)

    def deploy_together(self):
        """All of them at once, as those who are deployed and those who are not are strangers to each other."""
        for node in self.all:
            node.stop()
            node.install()
        for node in self.all:
            node.start_etcd(self.cluster)
        for node in self.all:
            node.start_apiserver()
        for node in self.all:
            self.wait(node)

    def make(self, name, client, kind="configmaps", **more):
        """An object in the namespace `default`. What the API says of it."""
        made = self.all[0].ask(f"/api/v1/namespaces/default/{kind}", client=client, body={"metadata": {"name": name}, **more})
        assert made[0] == 201, made
        return json.loads(made[1])

    def has(self, names, client):
        """What was acknowledged is there."""
        status, text = self.all[0].ask("/api/v1/namespaces/default/configmaps", client=client)
        assert status == 200, (status, text)
        missing = set(names) - {item["metadata"]["name"] for item in json.loads(text)["items"]}
        assert not missing, missing

    def refuse(self, client):
        """A certificate opens nothing, wherever it is shown."""
        for node in self.all:
            status, text = node.ask("/api/v1/namespaces/default/configmaps", client=client)
            assert status == 401, (node.name, status, text)

    def stop(self):
        for node in self.all:
            for process in (node.apiserver, node.etcd):
                if process and process.poll() is None:
                    process.kill()
                    process.wait()


def opened(lab, identity, secret):
    """What a secret of the lab holds, for whom it is."""
    key = IDENTITIES / f"{identity}.txt"
    return run("age", "--decrypt", "--identity", key, lab.folder / f"secrets/{secret}.age")


def credentials(lab, name):
    """A folder with what alice has now: a certificate that nothing holds back, and the bundle that she believes servers by."""
    mine = pathlib.Path(lab.parent.name) / f"alice-{name}"
    mine.mkdir()
    files = json.loads(opened(lab, "people/alice", "person-alice"))
    (mine / "client.crt").write_text(files["break-glass.crt"])
    (mine / "client.key").write_text(files["break-glass.key"])
    shutil.copy(lab.folder / "trust/kubernetes-ca.crt", mine / "ca.crt")
    return mine


def rotate_keys(lab, *arguments):
    """keystone-cluster rotate-keys, on the first node of the control plane."""
    return run(
        PROGRAM, "rotate-keys", *arguments, "--inventory", lab.folder / "cluster.toml", "--secrets", lab.folder / "secrets",
        "--trust", lab.folder / "trust", "--identity", IDENTITIES / "nodes/control-1.txt",
    )  # fmt: skip


def primer(lab, *arguments):
    """keystone-primer, on the first primer."""
    return run(
        lab.folder / "bin/keystone-primer", *arguments, "--inventory", lab.folder / "cluster.toml",
        "--secrets", lab.folder / "secrets", "--trust", lab.folder / "trust", "--identity", IDENTITIES / "nodes/primer-1.txt",
        env={**os.environ, "KEYSTONE_PRIMER_CONFIG": str(lab.folder / "primer-1/primer.json")},
    )  # fmt: skip


def rotate_root_keys(lab, *arguments):
    return primer(lab, "rotate-root-keys", *arguments)
