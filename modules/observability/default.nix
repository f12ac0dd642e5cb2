# What a node says about itself: metrics to whoever asks in the mesh, and its journal to the monitoring nodes.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  isMonitoring = lib.elem "monitoring" cfg.node.roles;
  lacking = lib.attrNames (
    lib.filterAttrs (_: there: !there) {
      Prometheus = config.services.prometheus.enable;
      Loki = config.services.loki.enable;
      Grafana = config.services.grafana.enable;
    }
  );
in
{
  imports = [
    ./logs.nix
    ./metrics.nix
    ./targets.nix
  ];

  options.keystone.observability.port = mkOption {
    type = types.functionTo types.port;
    internal = true;
    readOnly = true;
    default = name: (lib.head cfg.services.${name}.ports).from;
    description = "Port of a service of the service table that has one.";
  };

  config = lib.mkIf (cfg.inventory != null) {
    warnings = lib.optional (isMonitoring && lacking != [ ])
      "keystone: ${cfg.node.name} has the role monitoring, and its host runs no ${lib.concatStringsSep ", " lacking}: that part is not built yet. Until it is, run them in Kubernetes or by services.prometheus and services.loki; what to scrape lies in /etc/keystone/prometheus/targets.json, and journals come in on port ${toString (cfg.observability.port "loki")}.";
  };
}
