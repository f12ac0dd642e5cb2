from concurrent.futures import ThreadPoolExecutor

primer = hosts["primer-1"]
everyone = {**hosts, **laptops}


start_all()

with subtest("every machine and every person joins"):
    in_mesh(primer)
    for name, node in hosts.items():
        if name != "primer-1":
            enrol(primer, node, name)
    in_mesh(*hosts.values())
    for name, laptop in laptops.items():
        admit(primer, laptop, name)

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
    # Two at once, as there may be no more processors. What a busy machine was too slow to reach is asked again; what it
    # reached and should not have is wrong at once.
    with ThreadPoolExecutor(2) as pool:
        first = dict(zip(everyone, pool.map(differences, everyone), strict=True))
    wrong = [line for found in first.values() for line in found if ": open" in line]
    wrong += [line for source, found in first.items() if found for line in differences(source)]
    assert not wrong, "\n".join(wrong[:60])
    asked = sum(len(asked_of(source)) for source in everyone)
    open_ones = sum(expected(s, target, t[0], t[2]) for s in everyone for t, target in asked_of(s).items())
    print(f"{asked} probes, {open_ones} open and {asked - open_ones} closed, as reachability.json says")
