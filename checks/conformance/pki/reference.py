"""What docs/reference/certificates.md says of each leaf, filled in with an inventory: who has it, who signs it, for what, and under
which names. What a certificate has to be is taken from there, never from the certificate."""

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass

# What an inventory need not say.
DEFAULTS = {"kubernetes.clusterDomain": "cluster.local", "mesh.relay.domain": "relay.<cluster.domain>"}


@dataclass(frozen=True)
class Leaf:
    authority: str
    subject: str
    names: tuple
    usages: tuple

    @property
    def host(self):
        """Its first DNS name; people have none."""
        return next((name.removeprefix("DNS:") for name in self.names if name.startswith("DNS:")), None)


def rows(text):
    """The cells of the table of leaves, by the leaf."""
    table = text.split("\n## Leaves\n")[1]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]
    head, body = lines[0], lines[2:]
    return {cells[0].strip("`"): dict(zip(head, cells)) for cells in body}


class Reference:
    def __init__(self, text, inventory):
        self.rows = rows(text)
        self.inventory = inventory

    def value(self, placeholder, holder):
        if placeholder == "name":
            return holder
        if placeholder == "email":
            return self.inventory["people"][holder]["email"]
        if found := re.fullmatch(r"host of (\S+)", placeholder):
            return urllib.parse.urlsplit(self.value(found[1], holder)).hostname
        if found := re.fullmatch(r"first of (\S+)", placeholder):
            return str(ipaddress.ip_network(self.value(found[1], holder))[1])
        value = self.inventory
        for part in placeholder.split("."):
            value = value.get(part, {})
        return value or self.filled(DEFAULTS[placeholder], holder)

    def filled(self, text, holder):
        return re.sub(r"<([^>]+)>", lambda found: self.value(found[1], holder), text)

    def leaf(self, name, holder):
        row = self.rows[name]
        return Leaf(
            authority=row["signed by"],
            # From the most to the least exact, as Go writes it.
            subject=",".join(reversed(self.filled(row["subject"].strip("`"), holder).split(", "))),
            names=tuple(self.filled(one, holder) for one in re.findall(r"`([^`]+)`", row["names"])),
            usages=tuple(row["for"].split(", ")),
        )

    def held(self, holder):
        """The leaves of a machine or a person."""
        node, person = (self.inventory[kind].get(holder) for kind in ("nodes", "people"))
        roles = set(node["roles"]) if node else set()
        endpoint = node and "endpoint" in node and self.inventory["mesh"]["tls"]["mode"] == "files"
        holds = {
            "all machines": node is not None,
            "all people": person is not None,
            "administrators": bool(person and person.get("admin")),
            "primers and control-plane nodes with an endpoint, if `mesh.tls.mode` is `files`": bool(endpoint and roles & {"primer", "control-plane"}),
        }

        def by(who):
            if found := re.fullmatch(r"machines with the role (.+)", who):
                return bool(roles & set(re.findall(r"`([^`]+)`", found[1])))
            return holds[who]

        return {name for name, row in self.rows.items() if by(row["held by"])}
