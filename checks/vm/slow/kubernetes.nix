# Who may do what in Kubernetes: every person of the inventory, by certificates of the right authority and of the wrong
# ones; rights that are taken back; tokens of workloads; what the audit log holds.
{ lib, pkgs, ... }@args:
let
  inventory = lib.importTOML ../../../hosts/cluster.toml;
  host = import ../parts/host.nix;
in
{
  name = "kubernetes";
  nodes = {
    primer1 = host "primer-1";
    control1 = host "control-1";
    control2 = host "control-2";
    control3 = host "control-3";
  };
  testScript = { nodes, ... }: ''
    ${import ../parts/enrol.nix args}
    TRUST = "${../../../hosts/trust}"
    AUTHORITIES = "${../../fixtures/identities/authorities}"
    RENDERED = "${nodes.control1.keystone.rendered}"
    ISSUER = "${inventory.identity.issuer}"
    LOGIN = "${inventory.identity.login.issuer}"
    PEOPLE = json.loads('${builtins.toJSON inventory.people}')
    GROUPS = json.loads('${builtins.toJSON inventory.groups}')
  ''
  + builtins.readFile ../parts/rights.py
  + builtins.readFile ../parts/kubernetes.py;
}
