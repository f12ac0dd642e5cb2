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
  authority = cfg.controlPlane.login.certificateAuthority;
  configuration = {
    apiVersion = "apiserver.config.k8s.io/v1";
    kind = "AuthenticationConfiguration";
    # Health checks of load balancers carry no credentials. This replaces --anonymous-auth, which would let everybody ask
    # for everything and leave the answer to RBAC alone.
    inherit (lib.importJSON ./apiserver.json) anonymous;
    jwt = lib.optional (login != null) {
      issuer = {
        url = login.issuer;
        audiences = [ login.clientId ];
      }
      // lib.optionalAttrs (authority != null) {
        certificateAuthority = builtins.readFile authority;
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
  options.keystone.controlPlane.login.certificateAuthority = lib.mkOption {
    type = lib.types.nullOr lib.types.path;
    default = null;
    example = lib.literalExpression "./login-ca.crt";
    description = ''
      Certificates (PEM) of the authority of `identity.login.issuer`, where that is a private one. The API server believes
      them for the issuer and for nothing else. Without them, it believes the authorities that the machine does.
    '';
  };

  config = lib.mkIf cfg.controlPlane.enable {
    services.kubernetes.apiserver.extraOpts = "--authentication-config=${pkgs.writeText "authentication.json" (builtins.toJSON configuration)}";
    assertions = [
      {
        assertion = authority != null -> lib.hasInfix "-----BEGIN CERTIFICATE-----" (builtins.readFile authority);
        message = "keystone: ${toString authority} (keystone.controlPlane.login.certificateAuthority) has no certificate in PEM, and the API server would not start. Name the file with the certificate of the authority that signed that of identity.login.issuer.";
      }
      {
        assertion = authority != null -> login != null;
        message = "keystone: keystone.controlPlane.login.certificateAuthority is set, and nobody logs in: the inventory has no [identity.login]. Add it, or take the option out.";
      }
    ];
  };
}
