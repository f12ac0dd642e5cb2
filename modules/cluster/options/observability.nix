# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
let
  attrsNamed =
    pattern: type:
    let
      named = set: lib.all (name: builtins.match pattern name != null) (lib.attrNames set);
    in
    lib.types.addCheck (lib.types.attrsOf type) named
    // {
      description = "attribute set of values whose names match ${pattern}";
      substSubModules = modules: attrsNamed pattern (type.substSubModules modules);
    };
in
{
  options.keystone.cluster.observability = lib.mkOption {
    type = lib.types.submodule {
      options = {
        metricsRetention = lib.mkOption {
          type = lib.types.strMatching "[0-9]+[smhd]";
          default = "15d";
          example = "30d";
          description = "How long metrics are kept.";
        };

        logsHot = lib.mkOption {
          type = lib.types.strMatching "[0-9]+[smhd]";
          default = "7d";
          example = "14d";
          description = "How long logs are kept on the machine that takes them.";
        };

        logsCold = lib.mkOption {
          type = lib.types.strMatching "[0-9]+[smhd]";
          default = "90d";
          example = "365d";
          description = "How long logs are kept in blob storage.";
        };

        receivers = lib.mkOption {
          type = attrsNamed "[a-z]([a-z0-9-]{0,61}[a-z0-9])?" (
            lib.types.submodule {
              options = {
                kind = lib.mkOption {
                  type = lib.types.enum [
                    "email"
                    "slack"
                    "pagerduty"
                  ];
                  description = ''
                    How.

                    - `email`: Mail.
                    - `slack`: A Slack channel.
                    - `pagerduty`: `PagerDuty`.
                  '';
                };

                to = lib.mkOption {
                  type = lib.types.nullOr (lib.types.strMatching "[a-z0-9._+-]+@[a-z0-9.-]+");
                  default = null;
                  example = "alice@example.com";
                  description = ''
                    Address (`kind = "email"`).
                  '';
                };
              };
            }
          );
          default = { };
          description = "Who hears of alerts, by name.";
        };
      };
    };
    default = { };
    description = "Metrics, logs and alerts.";
  };
}
