"""A lab with its own control plane, and beside it a second API server over the same etcd, which has the files of a while ago."""

import base64
import http.client
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

PROGRAM = os.environ["KEYSTONE_CLUSTER"]
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
IDENTITIES = REPOSITORY / "checks/fixtures/identities"
# What of the lab's folder an API server reads.
READS = ["trust", "peers/LAB-UNTRUSTED-keys", "peers/kube-apiserver"]


def run(*command, **more):
    """Runs a command to its end, which must be a good one. What it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def until(what, true, seconds=60):
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def end(process, patience=5):
    """Ends a process as the lab does: politely, and after a while not. An API server with watchers takes a minute otherwise."""
    handle = os.pidfd_open(process)
    ended = select.poll()
    ended.register(handle, select.POLLIN)
    for how in (signal.SIGTERM, signal.SIGKILL):
        signal.pidfd_send_signal(handle, how)
        if ended.poll(patience * 1000):
            break
    os.close(handle)


def interrupted(*_):
    raise KeyboardInterrupt


class Lab:
    """The lab. Whatever happens, nothing of it is left."""

    def __enter__(self):
        # A test that is ended by its time limit cleans up too.
        signal.signal(signal.SIGTERM, interrupted)
        self.parent = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.parent.name).resolve() / "lab"
        self.second = None
        try:
            self.up()
            self.secrets("adopt")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.second:
            self.second.stop()
        subprocess.run([PROGRAM, "lab", "down", "--dir", self.folder], capture_output=True, check=False)
        self.parent.cleanup()

    def up(self):
        """Starts what does not run, with the credentials that lie in the lab's folder now."""
        run(PROGRAM, "lab", "up", "--with", "kubernetes", "--dir", self.folder, cwd=REPOSITORY)
        self.first = Server(self.address("kube-apiserver"), self.folder)

    def address(self, name):
        said = json.loads(run(PROGRAM, "lab", "status", "--json", "--dir", self.folder))
        return next(peer["address"] for peer in said["peers"] if peer["name"] == name)

    def key(self, name):
        return self.folder / "peers/LAB-UNTRUSTED-keys" / name

    def process(self, name):
        return int((self.folder / "peers" / name / "pid").read_text().split()[0])

    def restart(self, *names):
        """Programs of the lab start anew, with what lies in the lab's folder now."""
        for name in names:
            end(self.process(name))
        self.up()

    def secrets(self, *arguments):
        """keystone-cluster secrets, as alice, in the lab's folder."""
        return run(
            PROGRAM, "secrets", *arguments, "--root", self.folder, "--inventory", "cluster.toml", "--rules", "inventory",
            "-i", IDENTITIES / "people/alice.txt", "--sign-key", IDENTITIES / "people/alice-ssh",
        )  # fmt: skip

    def second_server(self):
        self.second = Second(self)
        return self.second

    def etcd(self, *arguments):
        return run(
            "etcdctl", f"--endpoints=https://{self.address('etcd')}", f"--cacert={self.folder}/trust/etcd-ca.crt",
            f"--cert={self.key('apiserver-etcd.crt')}", f"--key={self.key('apiserver-etcd.key')}", *arguments,
        )  # fmt: skip

    def stored(self, prefix):
        """What etcd holds, byte by byte, by the key."""
        answer = json.loads(self.etcd("get", "--prefix", prefix, "--write-out=json"))
        text = base64.b64decode
        return {text(pair["key"]).decode(): text(pair["value"]) for pair in answer.get("kvs", [])}

    def kubectl(self, server, *arguments, **more):
        """kubectl as the admin whom nothing holds back, at one of the servers."""
        config = self.folder / "peers/admin.kubeconfig"
        url = f"https://{server.address}"
        return run("kubectl", f"--kubeconfig={config}", f"--server={url}", *arguments, env={**os.environ, "HOME": str(self.folder)}, **more)


class Server:
    """An API server, as its clients see it."""

    def __init__(self, address, files):
        self.address = address
        self.files = files

    def ask(self, path, token=None, client=None, anchor=None, body=None):
        """The number of the answer, and the answer: with a token, with the certificate in a folder, or as the admin."""
        context = ssl.create_default_context(cafile=anchor or self.files / "trust/kubernetes-ca.crt")
        # The bundle has intermediates, and not the root.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if client:
            context.load_cert_chain(client / "client.crt", client / "client.key")
        elif token is None:
            keys = self.files / "peers/LAB-UNTRUSTED-keys"
            context.load_cert_chain(keys / "break-glass.crt", keys / "break-glass.key")
        host, port = self.address.split(":")
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def json(self, path):
        status, text = self.ask(path)
        assert status == 200, (status, text)
        return json.loads(text)

    def ready(self):
        try:
            return self.ask("/readyz")[0] == 200
        except ssl.SSLCertVerificationError:
            raise
        except OSError:
            return False


class Second(Server):
    """A copy of the lab's API server on another port, with a copy of its files."""

    def __init__(self, lab):
        self.lab = lab
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        super().__init__(f"127.0.0.1:{port}", pathlib.Path(lab.parent.name).resolve() / "second")
        arguments = pathlib.Path(f"/proc/{lab.process('kube-apiserver')}/cmdline").read_bytes().decode().split("\0")[1:-1]
        kept = [argument for argument in arguments if not argument.startswith("--service-account-key-file=")]
        self.arguments = [argument.replace(str(lab.folder), str(self.files)) for argument in kept]
        self.arguments.append(f"--secure-port={port}")
        self.process = None
        self.follow()

    def follow(self):
        """Takes over what the first has now."""
        self.stop()
        shutil.rmtree(self.files, ignore_errors=True)
        for folder in READS:
            shutil.copytree(self.lab.folder / folder, self.files / folder)
        keys = sorted((self.files / "trust/service-account").glob("*.pub"))
        with open(self.files / "log", "w") as log:
            self.process = subprocess.Popen(
                ["kube-apiserver", *self.arguments, *(f"--service-account-key-file={key}" for key in keys)], stdout=log, stderr=log
            )
        try:
            until("the second API server is ready", self.ready)
        except AssertionError as error:
            raise AssertionError(f"{error}: {(self.files / 'log').read_text()[-2000:]}") from None

    def stop(self):
        if self.process:
            end(self.process.pid)
            self.process.wait()
            self.process = None
