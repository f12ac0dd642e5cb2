# A host of the reference cluster as a node of a test that finds others in the mesh and nowhere else: host NAME
name:
{ lib, ... }:
{
  imports = [ ./node.nix ];
  networking.hostName = name;
  # The test's /etc/hosts gives the nodes' names their addresses outside the mesh.
  networking.extraHosts = lib.mkForce "";
}
