# Tokens of workloads: RS256, verifiable by clouds through documents that lie below `identity.issuer`.
{ config, lib, ... }:
let
  cfg = config.keystone;
  inherit (cfg.cluster.identity) issuer;
  keys = map (key: "${cfg.trust}/service-account/${key.name}.pub") (
    lib.importTOML (cfg.trust + "/trust.toml")
  ).serviceAccountKeys;
  # Before the ceremony there is none. The host evaluates, with a warning (modules/secrets/unready.nix), and its API server
  # says which file it misses.
  signing = if keys == [ ] then "${cfg.trust}/service-account" else lib.head keys;
in
{
  config = lib.mkIf cfg.controlPlane.enable {
    keystone.secrets.use.oidc-signing.credentials.kube-apiserver = "oidc-signing";

    services.kubernetes.apiserver = {
      serviceAccountIssuer = issuer;
      serviceAccountSigningKeyFile = cfg.certificates.use.kube-apiserver.path "oidc-signing";
      # Every key of trust.toml verifies: one that is to sign next, and one whose last tokens still live.
      serviceAccountKeyFile = signing;
      apiAudiences = "https://kubernetes.default.svc";
      extraOpts = lib.concatStringsSep " " (
        map (key: "--service-account-key-file=${key}") (lib.drop 1 keys)
        ++ [
          # Where clouds find the keys: never the API server itself, which is in the mesh.
          "--service-account-jwks-uri=${issuer}/openid/v1/jwks"
          # A key that retires is kept for a day. The API server gives pods' own tokens a year unless told otherwise.
          "--service-account-max-token-expiration=24h"
          "--service-account-extend-token-expiration=false"
        ]
      );
    };
  };
}
