# The discovery documents, where somebody wants a node to serve them.
{
  evalHost,
  refuses,
  lib,
  ...
}:
let
  monitor = evalHost { host = "monitor-1"; };
  proxy = evalHost {
    host = "monitor-1";
    modules = [ { keystone.oidc.enable = true; } ];
  };
  acme = evalHost {
    host = "monitor-1";
    modules = [
      {
        keystone.oidc = {
          enable = true;
          tls = "acme";
        };
      }
    ];
  };
  taken = evalHost {
    host = "control-1";
    modules = [
      {
        keystone.oidc = {
          enable = true;
          tls = "acme";
        };
      }
    ];
  };
  vhost = proxy.services.nginx.virtualHosts."oidc.keystone.example";
  configuration = vhost.locations."= /production/.well-known/openid-configuration";
  keys = vhost.locations."= /production/openid/v1/jwks";
in
{
  "off by default" = !monitor.services.nginx.enable;
  "at the path of the issuer" =
    configuration.alias == "/etc/keystone/oidc/.well-known/openid-configuration"
    && keys.alias == "/etc/keystone/oidc/openid/v1/jwks";
  "content types of the API server" =
    lib.hasInfix "default_type application/json;" configuration.extraConfig
    && lib.hasInfix "default_type application/jwk-set+json;" keys.extraConfig;
  "kept for an hour, as keys are published that long before they sign" =
    lib.all (location: lib.hasInfix ''"public, max-age=3600"'' location.extraConfig)
      [
        configuration
        keys
      ];
  "never judged by the date and size of a file of the store" =
    lib.all (location: lib.hasInfix "if_modified_since off;" location.extraConfig && lib.hasInfix "etag off;" location.extraConfig)
      [
        configuration
        keys
      ];
  "nothing else is there" = vhost.locations."/".return == "404";
  "behind a proxy it listens on the loopback, and opens no port" =
    map (one: "${one.addr}:${toString one.port}") vhost.listen == [ "127.0.0.1:8480" ]
    && !(lib.hasInfix "discovery documents" proxy.networking.firewall.extraInputRules);
  "by ACME it has TLS, and open ports" =
    acme.services.nginx.virtualHosts."oidc.keystone.example".forceSSL
    && lib.hasInfix "discovery documents" acme.networking.firewall.extraInputRules;
  "a machine whose port 443 is taken is refused" = refuses taken "belongs to the coordinator of the mesh";
}
