# Who people are: tokens of `identity.login`. Certificates and service accounts have flags of their own.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  inherit (cfg.cluster.identity) login;
  configuration = {
    apiVersion = "apiserver.config.k8s.io/v1";
    kind = "AuthenticationConfiguration";
    # Health checks of load balancers carry no credentials. This replaces --anonymous-auth, which would let everybody ask
    # for everything and leave the answer to RBAC alone.
    anonymous = {
      enabled = true;
      conditions = map (path: { inherit path; }) [
        "/livez"
        "/readyz"
        "/healthz"
      ];
    };
    jwt = lib.optional (login != null) {
      issuer = {
        url = login.issuer;
        audiences = [ login.clientId ];
      };
      claimMappings = {
        # With this claim the API server also wants `email_verified`, when the token has it.
        username = {
          claim = "email";
          prefix = "";
        };
        groups = {
          claim = login.groupsClaim;
          prefix = "";
        };
      };
      # Names have no prefix, so an issuer must not be able to hand out those of the cluster.
      userValidationRules = [
        {
          expression = "!user.username.startsWith('system:')";
          message = "an issuer of people must not name components of the system";
        }
        {
          expression = "user.groups.all(group, !group.startsWith('system:'))";
          message = "an issuer of people must not hand out groups of the system";
        }
      ];
    };
  };
in
{
  config = lib.mkIf cfg.controlPlane.enable {
    services.kubernetes.apiserver.extraOpts = "--authentication-config=${pkgs.writeText "authentication.json" (builtins.toJSON configuration)}";
  };
}
