from concurrent.futures import ThreadPoolExecutor

primer = hosts["primer-1"]
everyone = {**hosts, **laptops}


def admit(person, laptop):
    """A person joins with a laptop, as Headscale's operator lets her."""
    find = f"headscale users list --output json | jq -er '.[] | select(.name == \"{person}\") | .id'"
    primer.wait_until_succeeds(find, timeout=30)
    user = primer.succeed(find).strip()
    key = primer.succeed(f"headscale preauthkeys create --user {user} --expiration 10m --output json | jq -j .key")
    laptop.wait_for_unit("tailscaled.service", timeout=30)
    laptop.succeed(f"tailscale up --login-server {URL} --auth-key {key} --timeout 60s")


start_all()

with subtest("every machine and every person joins"):
    in_mesh(primer)
    for name, node in hosts.items():
        if name != "primer-1":
            enrol(primer, node, name)
    in_mesh(*hosts.values())
    for name, laptop in laptops.items():
        admit(name, laptop)

matrix = json.loads(primer.succeed(f"cat {MATRIX}"))
class_of = {member: name for name, members in matrix["classes"].items() for member in members}
addresses = {name: node.succeed("tailscale ip").split() for name, node in everyone.items()}
assert all(len(both) == 2 for both in addresses.values()), addresses

with subtest("every machine listens on every port"):
    taken = set()
    for name, node in everyone.items():
        wanted = json.dumps({"addresses": addresses[name], **PORTS})
        node.succeed(f"cat > /tmp/wanted <<'EOF'\n{wanted}\nEOF")
        node.succeed(
            "systemd-run --unit listener --property StandardOutput=file:/tmp/taken --property LimitNOFILE=20000"
            f" sh -c 'exec python3 {PROBE} listen \"$(cat /tmp/wanted)\"'"
        )
    for node in everyone.values():
        node.wait_until_succeeds("test -s /tmp/taken", timeout=60)
        taken |= {(proto, address, port) for proto, address, port in json.loads(node.succeed("cat /tmp/taken"))}
    # Services that the test did not replace: TCP ports of theirs answer as well as ours would. A datagram may go unanswered.
    assert {port for proto, _, port in taken if proto == "udp"} <= {3478, 41641}, taken


def expected(source, target, proto, port):
    return any(
        entry["from"] == class_of[source]
        and entry["to"] == class_of[target]
        and entry["proto"] == proto
        and any(first <= port <= last for first, last in entry["ports"])
        for entry in matrix["entries"]
    )


def asked_of(source):
    """Everything that a machine is asked to try, and who that is."""
    return {
        (proto, address, port): target
        for target in everyone
        if target != source
        for address in addresses[target]
        for proto in ("tcp", "udp")
        for port in PORTS[proto]
        if proto == "tcp" or (proto, address, port) not in taken
    }


def measure(source):
    """Which of all these a machine reaches."""
    everyone[source].succeed(f"cat > /tmp/targets <<'EOF'\n{json.dumps([list(t) for t in asked_of(source)])}\nEOF")
    out = everyone[source].succeed(f"ulimit -n 20000; python3 {PROBE} ask < /tmp/targets")
    return {(proto, address, port) for proto, address, port in json.loads(out)}


def differences(source):
    reached = measure(source)
    found = []
    for (proto, address, port), target in asked_of(source).items():
        want, got = expected(source, target, proto, port), (proto, address, port) in reached
        if want != got:
            found.append(f"{source} -> {target} {proto}/{port} at {address}: {'open' if got else 'closed'}, and should not be")
    return found


with subtest("paths are found, so that no probe waits for one"):
    for source in everyone.values():
        source.execute(
            "for address in " + " ".join(both[0] for both in addresses.values()) + "; do tailscale ping --c 3 --timeout 2s $address & done; wait"
        )

with subtest("what is measured is what the matrix says"):
    # Two at once, as there may be no more processors. What a busy machine was too slow for is asked again, of the few.
    with ThreadPoolExecutor(2) as pool:
        wrong = {source: found for source, found in zip(everyone, pool.map(differences, everyone), strict=True) if found}
    again = {source: found for source in wrong if (found := differences(source))}
    assert not again, "\n".join(line for found in again.values() for line in found[:20])
    asked = sum(len(asked_of(source)) for source in everyone)
    open_ones = sum(expected(s, target, t[0], t[2]) for s in everyone for t, target in asked_of(s).items())
    print(f"{asked} probes, {open_ones} open and {asked - open_ones} closed, as reachability.json says")
