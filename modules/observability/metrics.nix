# Metrics of the machine and of its pools, in the mesh and nowhere else.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  exporter = name: {
    enable = true;
    port = cfg.observability.port name;
    # Known at run time: systemd puts it in from the environment file.
    listenAddress = "\${KEYSTONE_MESH_IP}";
  };
  inMesh = {
    after = [ "keystone-mesh.service" ];
    wants = [ "keystone-mesh.service" ];
    # Not multi-user.target, which would wait until the node has joined.
    wantedBy = lib.mkForce [ "keystone-mesh.target" ];
    serviceConfig.EnvironmentFile = cfg.mesh.environmentFile;
  };
  exporters = config.services.prometheus.exporters;
  open = lib.filter (name: exporters.${name}.enable && exporters.${name}.openFirewall) [
    "node"
    "zfs"
  ];
in
{
  options.keystone.observability.metrics.enable = mkOption {
    type = types.bool;
    default = cfg.inventory != null;
    defaultText = lib.literalExpression "config.keystone.inventory != null";
    description = "Whether the node exports metrics of itself and of its ZFS pools.";
  };

  config = lib.mkIf cfg.observability.metrics.enable {
    services.prometheus.exporters.node = exporter "node-exporter" // {
      # Which units failed.
      enabledCollectors = [ "systemd" ];
    };
    systemd.services.prometheus-node-exporter = inMesh;

    services.prometheus.exporters.zfs = lib.mkIf cfg.zfs.enable (exporter "zfs-exporter");
    systemd.services.prometheus-zfs-exporter = lib.mkIf cfg.zfs.enable inMesh;

    assertions = [
      {
        assertion = open == [ ];
        message = "keystone: services.prometheus.exporters.{${lib.concatStringsSep "," open}}.openFirewall opens metrics of ${cfg.node.name} outside the mesh. Take it out: the service table opens them in the mesh.";
      }
    ];
  };
}
