# Certificates of the coordinator and the relays from a public authority (`mesh.tls.mode = "acme"`).
#
# By DNS alone: every machine that may become the coordinator needs the coordinator's certificate before the name points to
# it, and none but the one to which it points could answer a challenge over HTTP.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg.mesh) acme;
  names = [
    cfg.mesh.urlHost
    (cfg.mesh.relayName cfg.node.name)
  ];
in
{
  options.keystone.mesh.acme = {
    dnsProvider = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "hetzner";
      description = ''
        Who serves the DNS of the coordinator's and the relays' names, by lego's name for it. Challenges are answered
        there, as a standby can answer none over HTTP.
      '';
    };
    environmentFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/run/agenix/acme-dns";
      description = ''
        File with the provider's credentials, as lego wants them (`NAME=value` a line). Declare the secret with
        `keystone.secrets.use.acme-dns = { };`.
      '';
    };
  };

  config = lib.mkIf (cfg.mesh.relayHost && cfg.cluster.mesh.tls.mode == "acme") {
    security.acme = {
      defaults = {
        email = lib.mkDefault cfg.cluster.mesh.tls.email;
        inherit (acme) dnsProvider environmentFile;
      };
      certs = lib.genAttrs names (_: { });
    };

    keystone.mesh = {
      coordinator.certificate = {
        certFile = lib.mkDefault "${config.security.acme.certs.${cfg.mesh.urlHost}.directory}/fullchain.pem";
        keyFile = lib.mkDefault "${config.security.acme.certs.${cfg.mesh.urlHost}.directory}/key.pem";
      };
      relay.certificate =
        let
          inherit (config.security.acme.certs.${cfg.mesh.relayName cfg.node.name}) directory;
        in
        {
          certFile = lib.mkDefault "${directory}/fullchain.pem";
          keyFile = lib.mkDefault "${directory}/key.pem";
        };
    };

    assertions = [
      {
        assertion = acme.dnsProvider != null && acme.environmentFile != null;
        message = "keystone: mesh.tls.mode is \"acme\", and ${cfg.node.name} may become the coordinator: it needs the certificate of ${cfg.mesh.urlHost} before that name points to it, so challenges must be answered by DNS. Set keystone.mesh.acme.dnsProvider and keystone.mesh.acme.environmentFile, or mesh.tls.mode = \"files\".";
      }
    ];
  };
}
