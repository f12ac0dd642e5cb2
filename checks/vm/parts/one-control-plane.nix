# A cluster with one node of the control plane: where that is enough, two others cost as much as all the rest.
{ lib, ... }:
{
  keystone.cluster.nodes = lib.genAttrs [ "control-2" "control-3" ] (_: {
    roles = lib.mkForce [ "worker" ];
  });
}
