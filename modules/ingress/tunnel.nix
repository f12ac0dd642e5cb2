# A tunnel to Cloudflare: cloudflared on ingress nodes dials out, and what comes in by it goes to the node's own port.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg.ingress) tunnel;
  described = cfg.cluster.ingress.tunnel;
  secret = "cloudflare-tunnel";
  running = tunnel.enable && tunnel.id != null;

  # As Cloudflare matches names: `*.` stands for anything in front.
  matches =
    host: pattern:
    pattern == host || (lib.hasPrefix "*." pattern && lib.hasSuffix (lib.removePrefix "*" pattern) host);
  ours = [
    cfg.mesh.urlHost
  ]
  ++ map cfg.mesh.relayName (lib.attrNames cfg.cluster.nodes);
  served = lib.concatMap (one: lib.attrNames one.ingress) (
    lib.attrValues config.services.cloudflared.tunnels
  );
  forbidden = lib.filter (host: lib.any (matches host) (served ++ lib.attrNames tunnel.routes)) ours;
in
{
  options.keystone.ingress.tunnel = {
    enable = mkOption {
      type = types.bool;
      default =
        cfg.inventory != null
        && lib.elem "ingress" cfg.node.roles
        && lib.elem "cloudflare-tunnel" cfg.cluster.ingress.modes;
      defaultText = lib.literalMD "whether the node has the role `ingress`, and `ingress.modes` has `cloudflare-tunnel`";
      description = "Whether this node holds the tunnel. Several nodes may; Cloudflare takes any of them.";
    };
    id = mkOption {
      type = types.nullOr (types.strMatching "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
      default = null;
      example = "6ff42ae2-765d-4adf-8112-31c55c1551ef";
      description = ''
        What `cloudflared tunnel create` printed. By its name a tunnel is found only by someone who is logged in to the
        account, which a node is not.
      '';
    };
    credentialsFile = mkOption {
      type = types.str;
      default = "${config.age.secretsDir}/${secret}";
      defaultText = lib.literalMD "the secret `cloudflare-tunnel`";
      description = "The tunnel's credentials, as `cloudflared tunnel create` wrote them.";
    };
    origin = mkOption {
      type = types.str;
      default = "http://127.0.0.1:${toString (lib.head cfg.services.http.ports).from}";
      defaultText = lib.literalMD "the node's own port 80";
      example = "https://127.0.0.1:443";
      description = "What answers the tunnel's requests: the ingress controller on this node.";
    };
    routes = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        "www.example.com" = "http://127.0.0.1:8080";
      };
      description = "Host names and what answers them. Those of the inventory go to `origin`; names in here come on top.";
    };
  };

  config = lib.mkIf tunnel.enable {
    assertions = [
      {
        assertion = described != null;
        message = "keystone: ${cfg.node.name} is to hold a tunnel that nobody described; write [ingress.tunnel] in the inventory, or set keystone.ingress.tunnel.enable = false.";
      }
      {
        # Clients of Headscale speak a protocol of their own over an upgraded connection, and relays likewise; Cloudflare
        # passes WebSockets and nothing else.
        assertion = forbidden == [ ];
        message = "keystone: the tunnel would serve ${lib.concatStringsSep ", " forbidden}, where the mesh is coordinated and relayed, and it does not pass those protocols: no node could join. Take the name, or the `*.` above it, out of ingress.tunnel.hostnames and keystone.ingress.tunnel.routes.";
      }
    ];
    warnings = lib.optional (described != null && tunnel.id == null)
      "keystone: the tunnel ${described.name} has no keystone.ingress.tunnel.id, so ${cfg.node.name} holds none. Make it with: cloudflared tunnel create ${described.name}";

    keystone.ingress.tunnel.routes = lib.mkIf (described != null) (
      lib.genAttrs described.hostnames (_: lib.mkDefault tunnel.origin)
    );
    keystone.secrets.use.${secret} = lib.mkIf running {
      units = [ "cloudflared-tunnel-${tunnel.id}" ];
      create = "agenix -e secrets/${secret}.age < ~/.cloudflared/${tunnel.id}.json, after secrets.nix got: extra.${secret}.readers = [ \"ingress\" ];";
    };

    services.cloudflared = lib.mkIf running {
      enable = true;
      tunnels.${tunnel.id} = {
        inherit (tunnel) credentialsFile;
        ingress = tunnel.routes;
        # Nothing that was not named.
        default = "http_status:404";
      };
    };
  };
}
