# Exporters answer in the mesh only, on the ports of the service table; the journal goes to the monitoring nodes.
{
  evalHost,
  refuses,
  says,
  lib,
  ...
}:
let
  worker = evalHost { host = "worker-1"; };
  monitor = evalHost { host = "monitor-1"; };
  changed = evalHost {
    host = "worker-1";
    modules = [
      {
        keystone.observability.promtail.enable = false;
        keystone.zfs.enable = false;
      }
    ];
  };
  wrong = evalHost {
    host = "worker-1";
    modules = [
      {
        services.prometheus.exporters.node.openFirewall = true;
        keystone.observability.logs = {
          enable = true;
          endpoints = [ ];
        };
      }
    ];
  };
  inherit (worker.services.prometheus) exporters;
  inherit (worker.systemd) services;
  inTable = name: (lib.head worker.keystone.services.${name}.ports).from;
  units = [
    "prometheus-node-exporter"
    "prometheus-zfs-exporter"
  ];
  inherit (worker.keystone.observability) targets;
in
{
  "exporters answer on the ports of the service table" = {
    got = [
      exporters.node.port
      exporters.zfs.port
    ];
    want = map inTable [
      "node-exporter"
      "zfs-exporter"
    ];
  };
  "exporters listen at the mesh's address" = lib.all (
    unit:
    lib.hasInfix "--web.listen-address \${KEYSTONE_MESH_IP}:" services.${unit}.serviceConfig.ExecStart
    && services.${unit}.serviceConfig.EnvironmentFile == worker.keystone.mesh.environmentFile
    && lib.elem "keystone-mesh.service" services.${unit}.after
  ) units;
  "a node that has not joined boots all the same" = lib.all (
    unit: services.${unit}.wantedBy == [ "keystone-mesh.target" ]
  ) units;
  "an exporter that opens the firewall is refused" = refuses wrong "openFirewall";
  "primers export as well" =
    (evalHost { host = "primer-1"; }).services.prometheus.exporters.node.enable;
  "no exporter of ZFS where there is none" =
    !changed.services.prometheus.exporters.zfs.enable
    && !(changed.systemd.services ? prometheus-zfs-exporter);
  "the journal goes to Loki of the monitoring node" =
    worker.services.alloy.enable
    &&
      lib.hasInfix ''"http://monitor-1.keystone.internal:${toString (inTable "loki")}/loki/api/v1/push"''
        worker.environment.etc."alloy/config.alloy".text;
  "Alloy tells nobody how it is used, and its page is the machine's" = {
    got = worker.services.alloy.extraFlags;
    want = [
      "--disable-reporting"
      "--server.http.listen-addr=127.0.0.1:12345"
    ];
  };
  "the old name promtail is obeyed and explained" =
    !changed.services.alloy.enable && says "there is no Promtail any more" changed.warnings;
  "without the old name nothing is said of it" = !(says "Promtail" worker.warnings);
  "logs without anywhere to go are refused" = refuses wrong "nowhere to go";
  "every machine is a target" =
    lib.length targets.node-exporter == lib.length (lib.attrNames worker.keystone.cluster.nodes)
    && lib.elem "worker-1.keystone.internal:9100" targets.node-exporter;
  "members of etcd are targets" = {
    got = targets.etcd-metrics;
    want = map (n: "control-${n}.keystone.internal:2381") [
      "1"
      "2"
      "3"
    ];
  };
  "targets lie on monitoring nodes" =
    monitor.environment.etc ? "keystone/prometheus/targets.json"
    && !(worker.environment.etc ? "keystone/prometheus/targets.json");
  "what is not built says so, there alone" =
    says "runs no Grafana, Loki, Prometheus" monitor.warnings
    && !(says "runs no Grafana" worker.warnings);
}
