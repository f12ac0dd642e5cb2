# The journal goes to Loki on the monitoring nodes, by Grafana Alloy. The specification names Promtail, which ended in
# March 2026; NixOS 26.05 has neither its package nor its module (nixpkgs PR 505055).
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  logs = cfg.observability.logs;
  text = builtins.toJSON;
  endpoint = url: "endpoint {\n    url = ${text "${url}/loki/api/v1/push"}\n  }";
  monitoring = lib.attrNames (
    lib.filterAttrs (_: node: lib.elem "monitoring" node.roles) cfg.cluster.nodes
  );
in
{
  options.keystone.observability = {
    logs = {
      enable = mkOption {
        type = types.bool;
        default =
          if cfg.observability.promtail.enable != null then
            cfg.observability.promtail.enable
          else
            cfg.inventory != null && logs.endpoints != [ ];
        defaultText = lib.literalMD "whether there is somewhere to send it";
        description = "Whether the node sends its journal to Loki.";
      };
      endpoints = mkOption {
        type = types.listOf (types.strMatching "https?://.+");
        default = lib.optionals (cfg.inventory != null) (
          map (
            name: "http://${name}.${cfg.cluster.mesh.baseDomain}:${toString (cfg.observability.port "loki")}"
          ) monitoring
        );
        defaultText = lib.literalMD "port 3100 of every node with the role `monitoring`, in the mesh";
        example = [ "https://loki.example.com" ];
        description = "Every Loki that gets the journal, without the path. WireGuard encrypts what goes through the mesh.";
      };
    };
    promtail.enable = mkOption {
      type = types.nullOr types.bool;
      default = null;
      description = ''
        Old name of `keystone.observability.logs.enable`, as the log agent was Promtail once. Promtail ended in March 2026
        and is not in NixOS 26.05; Grafana Alloy reads the journal in its place, with the same labels in Loki.
      '';
    };
  };

  config = lib.mkIf (cfg.inventory != null) {
    warnings = lib.optional (cfg.observability.promtail.enable != null)
      "keystone: keystone.observability.promtail.enable is obeyed, by Alloy: there is no Promtail any more. Write keystone.observability.logs.enable = ${lib.boolToString cfg.observability.promtail.enable} instead.";
    assertions = [
      {
        assertion = logs.enable -> logs.endpoints != [ ];
        message = "keystone: the journal of ${cfg.node.name} has nowhere to go. Give a node the role monitoring, or set keystone.observability.logs.endpoints.";
      }
    ];

    services.alloy = lib.mkIf logs.enable {
      enable = true;
      extraFlags = [
        # It would tell its makers how it is used.
        "--disable-reporting"
        # Its own page, on the machine only.
        "--server.http.listen-addr=127.0.0.1:12345"
      ];
    };
    environment.etc."alloy/config.alloy" = lib.mkIf logs.enable {
      text = ''
        loki.relabel "journal" {
          forward_to = []
          rule {
            source_labels = ["__journal__systemd_unit"]
            target_label  = "unit"
          }
          rule {
            source_labels = ["__journal_priority_keyword"]
            target_label  = "level"
          }
        }

        loki.source.journal "journal" {
          max_age       = "24h"
          relabel_rules = loki.relabel.journal.rules
          forward_to    = [loki.write.monitoring.receiver]
          labels        = {
            job  = "journal",
            node = ${text cfg.node.name},
          }
        }

        loki.write "monitoring" {
          external_labels = {
            cluster = ${text cfg.cluster.cluster.name},
          }
          ${lib.concatStringsSep "\n  " (map endpoint logs.endpoints)}
        }
      '';
    };
  };
}
