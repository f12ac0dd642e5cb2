# The cluster's public discovery documents: two static files that clouds fetch to verify tokens of workloads. Anyone may
# serve them (docs/explanation/cloud-identity.md); this is for those who let a node of theirs do it.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  oidc = cfg.oidc;
  url = builtins.match "https://([^/:]+)(:[0-9]+)?(/.*)?" cfg.cluster.identity.issuer;
  host = lib.head url;
  path = lib.removeSuffix "/" (lib.optionalString (lib.last url != null) (lib.last url));
  acme = oidc.tls == "acme";
  # Who has port 443 on this machine already.
  taken =
    lib.optional cfg.ingress.nodes.enable "the ingress controller"
    ++ lib.optional (
      cfg.mesh.coordinator.candidate && cfg.cluster.mesh.coordinator.port == 443
    ) "the coordinator of the mesh";

  # A path of /etc that stays: whoever joins the cluster changes the rendered folder, and nginx need not know.
  folder = "/etc/keystone/oidc";
  document = file: type: {
    name = "= ${path}/${file}";
    value = {
      alias = "${folder}/${file}";
      # As the API server serves them (pkg/routes/openidmetadata.go of Kubernetes). An hour is also how long a key is
      # published before it signs. Files of the store have all one date, and sets of keys often one size, so whoever asked
      # for changes since would be told that there are none.
      extraConfig = ''
        types { }
        default_type ${type};
        add_header Cache-Control "public, max-age=3600";
        etag off;
        if_modified_since off;
        add_header Last-Modified "";
      '';
    };
  };
in
{
  options.keystone.oidc = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this node serves the discovery documents of `identity.issuer`.";
    };
    tls = mkOption {
      type = types.enum [
        "proxy"
        "acme"
      ];
      default = "proxy";
      description = ''
        Who does TLS. `proxy`: something in front of nginx, which then listens on the loopback only; the Cloudflare tunnel
        is that on nodes that hold it. `acme`: nginx itself, on public ports 80 and 443, with a certificate by ACME.
      '';
    };
    port = mkOption {
      type = types.port;
      default = 8480;
      description = "Port on the loopback (`tls = \"proxy\"`).";
    };
  };

  config = lib.mkIf (cfg.inventory != null && oidc.enable) {
    assertions = [
      {
        assertion = acme -> taken == [ ];
        message = "keystone: keystone.oidc.tls is acme, and port 443 of ${cfg.node.name} belongs to ${lib.concatStringsSep " and " taken}. Serve the documents from another node, or set keystone.oidc.tls = \"proxy\".";
      }
      {
        assertion = acme -> lib.elemAt url 1 == null;
        message = "keystone: identity.issuer has a port (${cfg.cluster.identity.issuer}), and keystone.oidc.tls = \"acme\" serves port 443. Set keystone.oidc.tls = \"proxy\".";
      }
    ];

    environment.etc."keystone/oidc".source = "${cfg.rendered}/oidc";
    services.nginx = {
      enable = true;
      virtualHosts.${host} = {
        listen = lib.mkIf (!acme) [
          {
            addr = "127.0.0.1";
            inherit (oidc) port;
          }
        ];
        enableACME = acme;
        forceSSL = acme;
        locations = lib.listToAttrs [
          (document ".well-known/openid-configuration" "application/json")
          (document "openid/v1/jwks" "application/jwk-set+json")
        ]
        // {
          "/".return = "404";
        };
      };
    };
    keystone.ingress.tunnel.routes = lib.mkIf (
      !acme && cfg.ingress.tunnel.enable
    ) { ${host} = "http://127.0.0.1:${toString oidc.port}"; };
    keystone.base.firewall.extraRules = lib.mkIf acme ''
      iifname != "${cfg.mesh.interface}" tcp dport { 80, 443 } accept comment "discovery documents"
    '';
  };
}
