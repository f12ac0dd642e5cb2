# Secrets reach their services; a deployment with a secret that does not open is refused before anything stops; and a
# changed secret restarts exactly the units that use it.
{ lib, ... }:
let
  # Runs until it is stopped; whether it was restarted is told by its invocation.
  waits = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig.ExecStart = "/bin/sh -c 'exec sleep infinity'";
  };
in
{
  name = "secrets";
  nodes.worker1 =
    { lib, ... }:
    {
      imports = [ ./parts/node.nix ];
      networking.hostName = "worker-1";
      keystone.secrets = {
        folder = lib.mkForce ../fixtures/secrets/first;
        use = {
          token.credentials.holder = "word";
          banner = {
            owner = "reader";
            mode = "0440";
            units = [ "reader" ];
          };
          idle.units = [ "sleeper" ];
          late = {
            units = [ "waiter" ];
            create = null;
          };
        };
      };
      # An identity that is not there does no harm to the others, neither in the activation nor in the check before it.
      age.identityPaths = lib.mkAfter [ "/etc/age/absent.txt" ];
      users.users.reader = {
        isSystemUser = true;
        group = "reader";
      };
      users.groups.reader = { };

      systemd.services = {
        # Sees the secret as a credential, as a user that exists only while it runs.
        holder = lib.recursiveUpdate waits { serviceConfig.DynamicUser = true; };
        reader = lib.recursiveUpdate waits { serviceConfig.User = "reader"; };
        waiter = waits;
        # Uses a secret, and is off.
        sleeper = lib.recursiveUpdate waits { wantedBy = lib.mkForce [ ]; };
        # Uses none.
        bystander = waits;
      };

      specialisation = {
        foreign.configuration = {
          keystone.secrets.folder = lib.mkOverride 40 ../fixtures/secrets/foreign;
          # Would be restarted, were the switch to go on.
          systemd.services.bystander.environment.SWITCHED = "yes";
        };
        blind.configuration = {
          age.identityPaths = lib.mkForce [ "/etc/age/absent.txt" ];
          systemd.services.bystander.environment.SWITCHED = "yes";
        };
        rekeyed.configuration.keystone.secrets.folder = lib.mkOverride 40 ../fixtures/secrets/rekeyed;
        changed.configuration.keystone.secrets.folder = lib.mkOverride 40 ../fixtures/secrets/changed;
      };
    };

  testScript = ''
    UNITS = ["holder", "reader", "waiter", "bystander", "sleeper", "tailscaled", "keystone-mesh-join"]

    def invocations():
        """Of each unit the run it is in; none of one that is off."""
        shown = worker1.succeed(
            f"for unit in {' '.join(UNITS)}; do"
            " echo $unit=$(systemctl show --property InvocationID --value $unit.service); done"
        )
        return dict(line.split("=", 1) for line in shown.splitlines())

    def restarted(before):
        return sorted(unit for unit, invocation in invocations().items() if invocation != before[unit])

    def credential():
        """What the process of holder.service finds, seen from its own namespace."""
        return worker1.succeed(
            "pid=$(systemctl show --property MainPID --value holder.service);"
            "nsenter --target $pid --mount cat /run/credentials/holder.service/word"
        )

    def switch(specialisation):
        # Of the system that booted: after a switch, the running one has none.
        return f"/run/booted-system/specialisation/{specialisation}/bin/switch-to-configuration test 2>&1"

    worker1.start()
    for unit in ["holder", "reader", "waiter", "bystander", "tailscaled", "keystone-mesh-join"]:
        worker1.wait_for_unit(f"{unit}.service", timeout=60)

    with subtest("owner and mode of decrypted files"):
        assert worker1.succeed("stat -Lc '%U %G %a' /run/agenix/banner").strip() == "reader reader 440"
        assert worker1.succeed("stat -Lc '%U %a' /run/agenix/token").strip() == "root 400"
        assert worker1.succeed("cat /run/agenix/banner") == "banner of the first hour"
        worker1.succeed("runuser -u reader -- cat /run/agenix/banner")
        worker1.fail("runuser -u reader -- cat /run/agenix/token")
        worker1.fail("test -e /run/agenix/late")

    with subtest("a service gets its secret as a credential, and only that service"):
        assert credential() == "token of the first hour"
        user = worker1.succeed(
            "ps -o uid= -p $(systemctl show --property MainPID --value holder.service)"
        ).strip()
        assert user != "0", user
        worker1.fail(f"setpriv --reuid {user} --clear-groups cat /run/agenix/token")
        worker1.fail("runuser -u reader -- ls /run/credentials/holder.service")
        worker1.fail(
            "pid=$(systemctl show --property MainPID --value bystander.service);"
            "test -e /proc/$pid/root/run/credentials/bystander.service/word"
        )
        worker1.fail("tr '\\0' '\\n' </proc/$(systemctl show --property MainPID --value holder.service)/environ | grep 'first hour'")

    before = invocations()

    for specialisation, said in [
        ("foreign", "keystone: secrets/token.age does not open with the key of worker-1; nothing was changed."),
        ("blind", "keystone: no identity can be read (/etc/age/absent.txt), so no secret would open; nothing was changed."),
    ]:
        with subtest(f"{specialisation}: a secret that does not open stops a switch before anything stops"):
            out = worker1.fail(switch(specialisation))
            assert said in out, out
            assert "banner.age" not in out, out
            assert restarted(before) == [], restarted(before)
            assert worker1.succeed("readlink /run/current-system") == worker1.succeed("readlink /run/booted-system")
            assert worker1.succeed("cat /run/agenix/token") == "token of the first hour"
            assert credential() == "token of the first hour"

    with subtest("encrypted anew, with the same values: nothing restarts"):
        generation = worker1.succeed("readlink /run/agenix")
        worker1.succeed(switch("rekeyed"))
        assert worker1.succeed("readlink /run/agenix") != generation
        assert restarted(before) == [], restarted(before)
        assert worker1.succeed("cat /run/agenix/token") == "token of the first hour"

    with subtest("a changed secret and a new one restart the units that use them, and no other"):
        out = worker1.succeed(switch("changed"))
        assert restarted(before) == ["holder", "waiter"], (restarted(before), out)
        assert credential() == "another token"
        assert worker1.succeed("cat /run/agenix/late") == "a secret that came late"
        assert worker1.succeed("cat /run/agenix/idle") == "another idle"
        worker1.fail("systemctl is-active sleeper.service")

    with subtest("switching again restarts nothing"):
        before = invocations()
        worker1.succeed(switch("changed"))
        assert restarted(before) == [], restarted(before)

    with subtest("what is remembered of secrets is for root"):
        assert worker1.succeed("stat -c %a /run/keystone-secrets").strip() == "700"
        worker1.fail("grep -r 'another token' /run/keystone-secrets")

    with subtest("the check is needed: without it, agenix takes a running service's secret away"):
        worker1.execute("NIXOS_NO_CHECK=1 " + switch("foreign"))
        worker1.fail("test -e /run/agenix/token")

    with subtest("after a power failure the secrets are there again, and the activation restarts nothing"):
        worker1.crash()
        worker1.start()
        worker1.wait_for_unit("holder.service", timeout=60)
        assert credential() == "token of the first hour"
        worker1.fail("test -e /run/nixos/activation-restart-list")
  '';
}
