# What the API server writes down: who did what to which object, and as much of the bodies as `kubernetes.audit` says.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  ordinary =
    {
      metadata = "Metadata";
      request = "Request";
      request-response = "RequestResponse";
    }
    .${cfg.cluster.kubernetes.audit};
  policy = {
    apiVersion = "audit.k8s.io/v1";
    kind = "Policy";
    # One entry a request, when its outcome is known.
    omitStages = [ "RequestReceived" ];
    rules = [
      {
        # Components ask for these all day, and they say nothing.
        level = "None";
        nonResourceURLs = [
          "/livez*"
          "/readyz*"
          "/healthz*"
          "/version"
          "/openapi*"
          "/metrics"
        ];
      }
      {
        level = "None";
        resources = [
          {
            group = "coordination.k8s.io";
            resources = [ "leases" ];
          }
          {
            group = "";
            resources = [ "events" ];
          }
          {
            group = "events.k8s.io";
            resources = [ "events" ];
          }
        ];
      }
      {
        # Never a body: it is the secret. Config maps are here because people put passwords there.
        level = "Metadata";
        resources = [
          {
            group = "";
            resources = [
              "secrets"
              "configmaps"
              "serviceaccounts/token"
            ];
          }
          {
            group = "authentication.k8s.io";
            resources = [ "tokenreviews" ];
          }
        ];
      }
      {
        # Reading changes nothing.
        level = "Metadata";
        verbs = [
          "get"
          "list"
          "watch"
        ];
      }
      { level = ordinary; }
    ];
  };
in
{
  config = lib.mkIf cfg.controlPlane.enable {
    services.kubernetes.apiserver.extraOpts = lib.concatStringsSep " " [
      "--audit-policy-file=${pkgs.writeText "audit-policy.json" (builtins.toJSON policy)}"
      "--audit-log-path=/var/log/kube-apiserver/audit.log"
      # Megabytes, files and days. The log agent has shipped it long before; 1.36 keeps 366 days and 100 files by default.
      "--audit-log-maxsize=100"
      "--audit-log-maxbackup=10"
      "--audit-log-maxage=30"
    ];
    systemd.services.kube-apiserver.serviceConfig = {
      LogsDirectory = "kube-apiserver";
      LogsDirectoryMode = "0750";
    };
  };
}
