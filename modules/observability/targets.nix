# What there is to scrape, from the inventory and the service table: a machine that does not answer is then known to be
# missing, which discovery by whoever answers would not tell.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  # Those that speak plain HTTP in the mesh. The components of Kubernetes want a token, and a Prometheus in Kubernetes
  # finds them by itself.
  jobs = [
    "etcd-metrics"
    "node-exporter"
    "zfs-exporter"
  ];
  serving =
    roles: lib.filterAttrs (_: node: lib.any (role: lib.elem role node.roles) roles) cfg.cluster.nodes;
in
{
  options.keystone.observability.targets = mkOption {
    type = types.attrsOf (types.listOf types.str);
    readOnly = true;
    default = lib.optionalAttrs (cfg.inventory != null) (
      lib.genAttrs jobs (
        job:
        map (name: "${name}.${cfg.cluster.mesh.baseDomain}:${toString (cfg.observability.port job)}") (
          lib.attrNames (serving cfg.services.${job}.servers)
        )
      )
    );
    defaultText = lib.literalMD "from the inventory and the service table";
    example = {
      node-exporter = [ "worker-1.keystone.internal:9100" ];
    };
    description = ''
      Addresses with metrics, by job. On monitoring nodes they lie in `/etc/keystone/prometheus/targets.json`, for
      `file_sd_configs` of Prometheus.
    '';
  };

  config = lib.mkIf (cfg.inventory != null && lib.elem "monitoring" cfg.node.roles) {
    environment.etc."keystone/prometheus/targets.json".source = pkgs.writeText "targets.json" (
      builtins.toJSON (
        lib.mapAttrsToList (job: targets: {
          inherit targets;
          labels = { inherit job; };
        }) cfg.observability.targets
      )
    );
  };
}
