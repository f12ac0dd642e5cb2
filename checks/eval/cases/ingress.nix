# What is open to the world on ingress nodes, and what a tunnel may serve.
{
  evalHost,
  refuses,
  says,
  lib,
  ...
}:
let
  id = "6ff42ae2-765d-4adf-8112-31c55c1551ef";
  ingress = evalHost { host = "ingress-1"; };
  worker = evalHost { host = "worker-1"; };
  changed = evalHost {
    host = "ingress-1";
    modules = [
      {
        keystone.ingress.tunnel.id = id;
        keystone.oidc.enable = true;
        keystone.cluster.ingress.modes = [ "cloudflare-tunnel" ];
      }
    ];
  };
  wrong = evalHost {
    host = "ingress-1";
    modules = [
      {
        keystone.ingress.tunnel = {
          inherit id;
          routes."*.keystone.example" = "http://127.0.0.1:80";
        };
        networking.firewall.filterForward = true;
        keystone.worker.enable = false;
        keystone.ingress.nodes.enable = true;
      }
    ];
  };
  exact = evalHost {
    host = "ingress-1";
    modules = [
      { keystone.cluster.ingress.tunnel.hostnames = lib.mkForce [ "mesh.keystone.example" ]; }
    ];
  };
  rules = host: host.networking.firewall.extraInputRules;
  public = ''iifname != "tailscale0" tcp dport { 80, 443 } accept'';
  tunnel = changed.services.cloudflared.tunnels.${id};
in
{
  "ingress nodes take requests from outside" = lib.hasInfix public (rules ingress);
  "no other node does" = !(lib.hasInfix "requests from outside" (rules worker));
  "nor an ingress node whose cluster has no such mode" =
    !(lib.hasInfix "requests from outside" (rules changed));
  "ingress nodes have the label" =
    lib.hasInfix "keystone.systems/ingress=true" ingress.services.kubernetes.kubelet.extraOpts
    && !(lib.hasInfix "keystone.systems/ingress" worker.services.kubernetes.kubelet.extraOpts);
  "a tunnel without id says how to make it, and runs nothing" =
    says "cloudflared tunnel create production" ingress.warnings && !ingress.services.cloudflared.enable;
  "credentials that do not exist yet come with the command that makes them" =
    lib.hasPrefix "agenix -e secrets/cloudflare-tunnel.age < ~/.cloudflared/${id}.json"
      changed.keystone.secrets.use.cloudflare-tunnel.create;
  "the tunnel serves the inventory's names from the node's own port, and nothing else" =
    tunnel.ingress."www.keystone.example" == "http://127.0.0.1:80" && tunnel.default == "http_status:404";
  "its credentials are a secret" = tunnel.credentialsFile == "/run/agenix/cloudflare-tunnel";
  "secrets.nix knows who reads them, once it is told" =
    let
      rules = import ../../../lib/secret-rules.nix {
        cluster = lib.importTOML ../../../hosts/cluster.toml;
        extra.cloudflare-tunnel.readers = [ "ingress" ];
      };
      keys = rules."secrets/cloudflare-tunnel.age".publicKeys;
    in
    lib.elem ingress.keystone.cluster.nodes.ingress-1.ageKey keys
    && !(lib.elem ingress.keystone.cluster.nodes.worker-1.ageKey keys);
  "discovery documents on the same node come in by it" =
    tunnel.ingress."oidc.keystone.example" == "http://127.0.0.1:8480";
  "a wildcard above the mesh's host is refused" = refuses wrong "the tunnel would serve mesh.keystone.example";
  "and covers relays as well" = refuses wrong "primer-1.relay.keystone.example";
  "the mesh's host is refused" = refuses exact "the tunnel would serve mesh.keystone.example,";
  "a firewall that does not forward is refused" = refuses wrong "filterForward";
  "an ingress node without kubelet is refused" = refuses wrong "runs no kubelet, so nothing would answer";
  "other nodes hold no tunnel" = !worker.keystone.ingress.tunnel.enable;
}
