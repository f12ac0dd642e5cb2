# What people may do in Kubernetes, by the inventory alone: administrators everything, members of a group what its
# `clusterRoles` say. Each is bound by the email that the login and a person's certificate give. A group of the issuer is
# bound to nothing here, or taking somebody out of the inventory would not be enough.
{ config, lib, ... }:
let
  cfg = config.keystone;
  inherit (cfg) cluster;
  members = import ../../lib/members.nix { inherit lib; } cluster;
  label = "keystone.systems/rights";
  binding =
    group: role:
    lib.recursiveUpdate
      (import ../../lib/cluster-role-binding.nix {
        name = "keystone:${group}:${role}";
        inherit role;
        subjects = map (name: {
          apiGroup = "rbac.authorization.k8s.io";
          kind = "User";
          name = cluster.people.${name}.email;
        }) (members group);
      })
      { metadata.labels.${label} = "inventory"; };
  bindings = [
    (binding "admins" "cluster-admin")
  ]
  ++ lib.concatLists (
    lib.mapAttrsToList (group: value: map (binding group) (value.clusterRoles or [ ])) cluster.groups
  );
in
{
  options.keystone.controlPlane.rights = lib.mkOption {
    type = lib.types.attrsOf (lib.types.listOf lib.types.str);
    internal = true;
    readOnly = true;
    default = lib.listToAttrs (
      map (item: lib.nameValuePair item.metadata.name (map (subject: subject.name) item.subjects)) bindings
    );
    description = "Bindings of cluster roles, each with the emails it is for.";
  };

  config = lib.mkIf cfg.controlPlane.enable {
    keystone.controlPlane.bootstrap.objects = bindings;
    # Rights that are no longer written anywhere are taken back.
    keystone.controlPlane.bootstrap.prune.${label} = map (item: item.metadata.name) bindings;
  };
}
