# The mesh: every node joined by WireGuard, coordinated by Headscale, relayed by our own DERP servers.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg) cluster;
  present = cfg.inventory != null;
  relayDomain =
    if cluster.mesh.relay.domain != null then cluster.mesh.relay.domain else "relay.${cluster.cluster.domain}";
  isRelayHost = node: lib.any (role: lib.elem role node.roles) [ "primer" "control-plane" ];
  relayHosts = lib.filterAttrs (_: node: isRelayHost node && node.endpoint != null) cluster.nodes;
  urlHost = builtins.head (builtins.match "https://([^:/]+).*" cluster.mesh.url);
in
{
  imports = [
    ./acme.nix
    ./address.nix
    ./coordinator.nix
    ./join.nix
    ./peers.nix
    ./relay.nix
    ./replica.nix
  ];

  options.keystone.mesh = {
    interface = mkOption {
      type = types.str;
      default = "tailscale0";
      description = "Network interface of the mesh.";
    };
    staticHosts = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether nodes know the coordinator's and the relays' addresses without DNS, from the endpoints in the inventory.
        The coordinator's name stands there with the address of every machine that may become it; only the one that is
        it answers.
      '';
    };
    urlHost = mkOption {
      type = types.str;
      internal = true;
      readOnly = true;
      default = urlHost;
      description = "Host of `mesh.url`.";
    };
    relayName = mkOption {
      type = types.functionTo types.str;
      internal = true;
      readOnly = true;
      default = name: "${name}.${relayDomain}";
      description = "Public name of a host's relay.";
    };
    relayHost = mkOption {
      type = types.bool;
      readOnly = true;
      default = present && relayHosts ? ${cfg.node.name};
      defaultText = lib.literalMD "primers and control-plane nodes with an endpoint";
      description = "Whether this node runs a relay and may become the coordinator.";
    };
    candidates = mkOption {
      type = types.attrsOf types.raw;
      internal = true;
      readOnly = true;
      default = relayHosts;
      description = "Nodes that may become the coordinator, as the inventory has them.";
    };
    tags = mkOption {
      type = types.listOf types.str;
      internal = true;
      readOnly = true;
      default = map (role: "tag:${role}") cfg.node.roles;
      description = "Tags of this node in the mesh.";
    };
  };

  config = lib.mkIf present {
    services.tailscale = {
      enable = true;
      interfaceName = cfg.mesh.interface;
      # The service table opens it.
      openFirewall = false;
      extraDaemonFlags = [ "--no-logs-no-support" ];
    };
    # At shutdown it must go before the underlay's addresses do: with the reverse order an orderly shutdown took 92 s
    # instead of 4, as etcd and the API server waited for peers (measured with tailscale 1.102.5).
    systemd.services.tailscaled = {
      after = [
        "network.target"
      ]
      ++ map (i: "network-addresses-${i}.service") (lib.attrNames config.networking.interfaces);
      serviceConfig = {
        # Every packet of the mesh passes this program.
        Nice = -10;
        CPUWeight = 1000;
      };
    };

    # Addresses that are written by hand; those with a port or a name need DNS.
    networking.hosts = lib.mkIf cfg.mesh.staticHosts (
      lib.mapAttrs' (
        name: node: lib.nameValuePair node.endpoint [
          urlHost
          (cfg.mesh.relayName name)
        ]
      ) (lib.filterAttrs (_: node: builtins.match "[0-9.]+|[0-9a-fA-F:]+" node.endpoint != null) relayHosts)
    );

    assertions = [
      {
        # NixOS writes the FQDN to /etc/hosts as 127.0.0.2, and then the node finds itself there instead of in the mesh.
        assertion = config.networking.domain != cluster.mesh.baseDomain;
        message = "keystone: networking.domain is the mesh's zone ${cluster.mesh.baseDomain}, so ${cfg.node.name} would resolve its own mesh name to 127.0.0.2. Take networking.domain out.";
      }
      {
        assertion = config.services.resolved.enable;
        message = "keystone: services.resolved.enable is off, and names of the mesh are answered through resolved. Leave it on.";
      }
    ];
  };
}
