# The object that gives the subjects a cluster role in every namespace.
{
  name,
  role ? name,
  subjects,
}:
{
  apiVersion = "rbac.authorization.k8s.io/v1";
  kind = "ClusterRoleBinding";
  metadata = { inherit name; };
  roleRef = {
    apiGroup = "rbac.authorization.k8s.io";
    kind = "ClusterRole";
    name = role;
  };
  inherit subjects;
}
