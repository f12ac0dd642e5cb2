"""Two hundred requests a second, over connections that are kept, from somebody who has a certificate. As a load balancer does, new
connections go to API servers that say they are ready. A request whose connection was cut is sent once more, and so is one that met
an election of etcd, which answers that it does not know; a request that gets no good answer then, or another bad one, has failed."""

import http.client
import json
import ssl
import threading
import time
from collections import Counter

WORKERS = 10
A_SECOND = 200


class Load:
    def __init__(self, nodes, credentials):
        self.nodes = nodes
        self.ready = {node.name for node in nodes}
        self.counts, self.failed, self.written = Counter(), [], []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.credentials(credentials)

    def credentials(self, folder):
        """From now on new connections are made with the certificate in a folder, and believe the authority there."""
        context = ssl.create_default_context(cafile=folder / "ca.crt")
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
        self.context, self.since = context, time.monotonic()

    def __enter__(self):
        self.began = time.monotonic()
        tasks = [(self.look,), *((self.work, at) for at in range(WORKERS))]
        self.threads = [threading.Thread(target=self.guarded, args=task, daemon=True) for task in tasks]
        for thread in self.threads:
            thread.start()
        return self

    def __str__(self):
        return f"{self.counts['good']} requests in {self.seconds:.0f} s, {self.counts['repeated']} of them sent twice"

    def __exit__(self, error, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(30)
        self.seconds = time.monotonic() - self.began
        # A busy machine asks less, and nobody who asks nothing is refused.
        assert error or self.counts["good"] > A_SECOND / 10 * self.seconds, str(self)

    def guarded(self, task, *arguments):
        """Who asks no more has failed, too."""
        try:
            task(*arguments)
        except Exception as error:
            self.failed.append((task.__name__, repr(error)))
            raise

    def look(self):
        """The load balancer's own questions."""
        while not self.over.wait(0.2):
            for node in self.nodes:
                if node.ready():
                    self.ready.add(node.name)
                else:
                    self.ready.discard(node.name)

    def work(self, at):
        connection = node = made = None
        number = 0
        while not self.over.is_set():
            started = time.monotonic()
            number += 1
            method, path, body = "GET", "/api/v1/namespaces/default/configmaps/asked", None
            if number % 10 == 0:
                name = f"written-{at}-{number}"
                method, path = "POST", "/api/v1/namespaces/default/configmaps"
                body = json.dumps({"metadata": {"name": name}})
            problems = []
            while len(problems) < 2:
                # A connection is made anew when the server is about to go, or the certificate is another.
                if connection is None or node.name not in self.ready or made < self.since:
                    if connection:
                        connection.close()
                    candidates = [one for one in self.nodes if one.name in self.ready] or self.nodes
                    node = candidates[(at + number + len(problems)) % len(candidates)]
                    host, port = node.address.split(":")
                    made = time.monotonic()
                    connection = http.client.HTTPSConnection(host, int(port), context=self.context, timeout=10)
                try:
                    connection.request(method, path, body, {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                    text = answer.read()
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    connection = None
                    problems.append(f"{node.name}: {error!r}")
                    continue
                if answer.status < 300 or (answer.status == 409 and problems):
                    with self.lock:
                        self.counts["repeated"] += len(problems)
                        self.counts["good"] += 1
                        if body:
                            self.written.append(name)
                    break
                if answer.status == 500 and b"etcdserver:" in text:
                    problems.append(f"{node.name}: {text!r}")
                    continue
                problems += [f"{node.name}: {answer.status} {text[:200]!r}"] * 2
            else:
                with self.lock:
                    self.failed.append((round(time.monotonic() - self.began, 1), method, problems))
            self.over.wait(max(0.0, WORKERS / A_SECOND - (time.monotonic() - started)))
