# The mesh as the modules make it: Headscale and relays over https at the inventory's own URL, nodes of every role that
# enrol with keys minted for them, and a policy that holds between them.
{ lib, ... }:
let
  host = name: {
    imports = [ ./parts/node.nix ];
    networking.hostName = name;
  };
in
{
  name = "mesh";
  nodes = {
    primer1 = host "primer-1";
    control1 = host "control-1";
  };
  testScript = ''
    start_all()
    primer1.wait_for_unit("headscale.service", timeout=60)
    primer1.wait_for_unit("keystone-mesh.service", timeout=60)
    print(primer1.succeed("headscale nodes list; tailscale status; cat /run/keystone/mesh.env"))
  '';
}
