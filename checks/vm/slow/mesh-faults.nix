# The mesh in trouble: keys that expired, a relay that is lost, a coordinator that is off, and one with another key. What
# happens then is what docs/how-to/mend-the-mesh.md says.
{ lib, pkgs, ... }@args:
let
  host = name: {
    imports = [ ../parts/node.nix ];
    networking.hostName = name;
    # Listeners of the test take the places of Kubernetes' programs, which vm-control-plane tries.
    keystone.controlPlane.enable = lib.mkForce false;
    keystone.worker.enable = lib.mkForce false;
    environment.systemPackages = [ pkgs.sqlite ];
  };
in
{
  name = "mesh-faults";
  nodes = {
    primer1 = host "primer-1";
    control1 = host "control-1";
    worker1 = host "worker-1";
    storage1 = host "storage-1";
    backup1 = host "backup-1";
  };
  testScript = ''
    ${import ../parts/enrol.nix args}
    DATABASE = "/var/lib/headscale/db.sqlite"
  ''
  + builtins.readFile ../parts/mesh-faults.py;
}
