# What people may do in Kubernetes comes from the inventory alone.
{ evalHost, lib, ... }:
let
  host = modules: evalHost { host = "control-1"; inherit modules; };
  rights = config: config.keystone.controlPlane.rights;
  reference = rights (host [ ]);
  email = name: "${name}@keystone.example";
  # A group includes another, whose role is gone.
  changed = rights (host [
    {
      keystone.cluster.groups.developers.includes = [ "oncall" ];
      keystone.cluster.groups.oncall.clusterRoles = lib.mkForce [ ];
    }
  ]);
in
{
  "administrators may do everything" = reference."keystone:admins:cluster-admin" == [ (email "alice") (email "bob") ];
  "members of a group have its roles" = reference."keystone:developers:edit" == [ (email "carol") (email "dave") ];
  "nothing else is bound" =
    lib.attrNames reference == [
      "keystone:admins:cluster-admin"
      "keystone:developers:edit"
      "keystone:oncall:view"
    ];
  "members of an included group belong to the one that includes it" =
    changed."keystone:developers:edit" == [ (email "alice") (email "carol") (email "dave") ];
  "a role that is gone is no longer bound" = !(changed ? "keystone:oncall:view");
}
