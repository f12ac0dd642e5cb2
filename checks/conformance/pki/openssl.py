"""`openssl verify -x509_strict`, for many chains: those that differ in the leaf alone are one call."""

import collections
import concurrent.futures
import hashlib
import os
import re
import subprocess

# Why OpenSSL refuses, by number: there is no way to an anchor; not for this purpose; not of this name; taken back.
REASONS = {"issuer": {2, 20, 21}, "purpose": {26}, "host": {62}, "revoked": {23}}


class OpenSSL:
    def __init__(self, folder):
        self.folder = folder

    def file(self, text):
        path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.pem"
        if not path.exists():
            path.write_text(text)
        return str(path)

    def call(self, group, leaves):
        """For each of the leaves nothing, or the numbers of what is wrong."""
        anchors, partial, intermediates, usage, host, revoked = group
        command = ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", self.file(anchors)]
        # An intermediate is an anchor for OpenSSL only if it is told so.
        command += ["-partial_chain"] if partial else []
        command += ["-untrusted", self.file(intermediates)] if intermediates else []
        command += ["-purpose", f"ssl{usage}"] if usage != "any" else []
        command += ["-verify_hostname", host] if host else []
        command += ["-crl_check", "-CRLfile", self.file(revoked)] if revoked else []
        done = subprocess.run([*command, *leaves], capture_output=True, text=True, check=False)
        verdicts = {leaf: set() for leaf in re.findall(r"^(\S+): OK$", done.stdout, re.MULTILINE)}
        numbers = set()
        for line in done.stderr.splitlines():
            if found := re.match(r"error (\d+) at \d+ depth", line):
                numbers.add(int(found[1]))
            elif found := re.fullmatch(r"error (\S+): verification failed", line):
                verdicts[found[1]], numbers = numbers, set()
        if set(verdicts) != set(leaves):
            raise SystemExit(f"openssl gave no verdict: {done.stderr}")
        return verdicts

    def judge(self, cases):
        """How many it judges as they are to be, and what is wrong with the others."""
        groups = collections.defaultdict(list)
        for case in cases:
            groups[case.anchors, case.partial, case.intermediates, case.usage, case.host, case.list].append(case)
        passed, wrong = 0, []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            files = {group: sorted({self.file(case.leaf) for case in members}) for group, members in groups.items()}
            for (group, members), verdicts in zip(groups.items(), pool.map(self.call, groups, files.values())):
                for case in members:
                    numbers = verdicts[self.file(case.leaf)]
                    if not numbers if case.because is None else numbers and numbers <= REASONS[case.because]:
                        passed += 1
                    else:
                        wrong.append(f"{case.name}: {f'errors {sorted(numbers)}' if numbers else 'accepted'}")
        return passed, wrong
