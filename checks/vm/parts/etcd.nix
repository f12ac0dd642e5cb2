# Nodes and Python for tests that take members of etcd away: a primer, the control plane, an admin's laptop, all in the mesh.
{ pkgs, lib, ... }@args:
let
  people = ../../fixtures/identities/people;
  host = name: more: {
    imports = [
      (import ./host.nix name)
      more
    ];
    keystone.worker.enable = lib.mkForce false;
  };
in
{
  inherit host;
  # label: what the control plane is deployed with when it was restored.
  nodes = label: more: {
    primer1 = host "primer-1" { };
  }
  // lib.genAttrs [ "control1" "control2" "control3" ] (
    name:
    host "control-${lib.removePrefix "control" name}" {
      imports = [ more ];
      specialisation = lib.optionalAttrs (label != null) {
        restored.configuration.keystone.etcd.restored = label;
      };
    }
  )
  // {
    laptop1 = import ./ssh-laptop.nix "  User root\n";
  };
  script =
    nodes:
    ''
      ${import ./enrol.nix args}
      TRUST = "${../../../hosts/trust}"
      HOSTS = "${../../../hosts}"
      # A container's path does not have what the system adds to its own.
      PROGRAMS = "${nodes.control1.keystone.package}/bin"
      RENDERED = "${nodes.control1.keystone.rendered}"
      KEYS = "${people}"
    ''
    + builtins.readFile ./etcd.py
    + "\n\n";
  # How a test with a control plane and a laptop begins.
  began = builtins.readFile ./began.py + "\n\n";
}
