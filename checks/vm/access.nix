# Who reaches what: the firewall of a host against the service table on both planes, SSH in the mesh and nowhere else, and
# what happens to a person who leaves.
{ lib, pkgs, ... }@args:
let
  host = name: {
    imports = [ ./parts/node.nix ];
    networking.hostName = name;
    # Listeners of the test take the places of Kubernetes' programs, which vm-control-plane tries.
    keystone.controlPlane.enable = lib.mkForce false;
    keystone.worker.enable = lib.mkForce false;
  };
  services = builtins.fromJSON (builtins.readFile ../../modules/cluster/services.json);
  inventory = builtins.fromTOML (builtins.readFile ../../hosts/cluster.toml);
  setting = path: lib.getAttrFromPath (lib.splitString "." path) inventory;
  # Every TCP port of the table, the ends of ranges standing for them, and who serves it on which plane.
  rows = lib.concatLists (
    lib.mapAttrsToList (
      name: row:
      lib.optionals (row.proto == "tcp") (
        map (port: {
          inherit name port;
          inherit (row) plane servers;
        }) (if row.setting != null then [ (setting row.setting) ] else lib.concatMap (r: lib.unique [ r.from r.to ]) row.ports)
      )
    ) services
  );
in
{
  name = "access";
  nodes = {
    primer1 = host "primer-1";
    monitor1 = host "monitor-1";
    worker1 = {
      imports = [
        ./parts/node.nix
      ];
      networking.hostName = "worker-1";
      keystone.worker.enable = lib.mkForce false;
      specialisation.bobLeft.configuration.keystone.cluster.people.bob.admin = lib.mkForce false;
    };
    storage1 = host "storage-1";
    laptop1.imports = [ ./parts/laptop.nix ];
  };
  testScript = ''
    ${import ./parts/enrol.nix args}
    from functools import partial

    ROWS = json.loads('${builtins.toJSON rows}')
    KEYS = "${../fixtures/identities/people}"
    hosts = {"primer-1": (primer1, "primer"), "worker-1": (worker1, "worker"), "storage-1": (storage1, "storage")}
    laptop = laptop1


    def underlay(node):
        return node.succeed("ip -4 -o addr show eth1 | grep -oE '192[0-9.]+/' | head -1").strip().strip("/")


    def ssh(user, person, address, command="true"):
        laptop.succeed(f"install -D -m 0600 {KEYS}/{person}-ssh /tmp/{person}")
        status, out = laptop.execute(
            "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=5"
            f" -i /tmp/{person} {user}@{address} {command} 2>&1"
        )
        print(f"ssh {user}@{address} with the key of {person}: {status} {out.strip()}")
        return status


    def open_to_root(host, _last):
        return ssh("root", "alice", f"{host}.{ZONE}") == 0


    start_all()
    in_mesh(primer1)
    enrol(primer1, worker1, "worker-1")
    enrol(primer1, storage1, "storage-1")
    enrol(primer1, monitor1, "monitor-1")
    in_mesh(worker1, storage1, monitor1)

    with subtest("an admin joins with a machine of her own"):
        admit(primer1, laptop, "alice")
        laptop.wait_until_succeeds(f"getent ahostsv4 worker-1.{ZONE}", timeout=30)
        for host in hosts:
            retry(partial(open_to_root, host), timeout=30)

    # SSH first: its server turns away for a while whoever only knocks, as the probes below do.
    with subtest("SSH answers in the mesh and nowhere else, and to whom the inventory says"):
        assert ssh("root", "alice", f"worker-1.{ZONE}") == 0
        assert ssh("root", "bob", f"worker-1.{ZONE}") == 0
        assert ssh("debug", "carol", f"worker-1.{ZONE}") == 0
        assert ssh("root", "carol", f"worker-1.{ZONE}") != 0
        assert ssh("debug", "carol", f"storage-1.{ZONE}") != 0
        for host, (node, _) in hosts.items():
            assert ssh("root", "alice", underlay(node)) != 0, host

    with subtest("the key of a person who left stops working with the next switch"):
        worker1.succeed("/run/current-system/specialisation/bobLeft/bin/switch-to-configuration test")
        assert ssh("root", "bob", f"worker-1.{ZONE}") != 0
        assert ssh("root", "alice", f"worker-1.{ZONE}") == 0

    with subtest("the firewall opens what the service table says, on each plane, and nothing else"):
        ports = sorted({row["port"] for row in ROWS} | {4000})
        for host, (node, role) in hosts.items():
            # Something listens everywhere, so that a closed port is closed by the firewall.
            for port in ports:
                if node.execute(f"ss -Hltn 'sport = :{port}' | grep -q .")[0] != 0:
                    node.succeed(f"systemd-run --quiet --unit listener-{port} nc -lk 0.0.0.0 {port}")
            for plane, address in [("mesh", f"{host}.{ZONE}"), ("underlay", underlay(node))]:
                probes = " ".join(str(p) for p in ports)
                out = laptop.succeed(
                    f"for p in {probes}; do (nc -z -w 4 {address} $p && echo $p) & done; wait; true"
                )
                found = {int(p) for p in out.split()}
                expected = {r["port"] for r in ROWS if role in r["servers"] and r["plane"] in (plane, "both")}
                assert found == expected, f"{host}, {plane}: open and not in the table {found - expected}, in the table and closed {expected - found}"

    with subtest("a listener on a port that the policy permits and the firewall closes is refused"):
        # Admins may reach every port, says the policy.
        assert 4000 in ports
        laptop.fail(f"nc -z -w 4 worker-1.{ZONE} 4000")
        worker1.succeed("nc -z -w 4 127.0.0.1 4000")
  '';
}
