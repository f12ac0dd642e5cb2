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
  # apiserver.json is what a lab reads too (keystone-cluster lab up --with kubernetes). Its rules, in their order:
  #
  # - what components ask for all day says nothing and is not written;
  # - Secrets never with a body, as it is the secret; config maps neither, as people put passwords there;
  # - reading changes nothing, so that it has no body either.
  #
  # One entry a request, when its outcome is known.
  inherit (lib.importJSON ./apiserver.json) audit;
  policy = audit // {
    rules = audit.rules ++ [ { level = ordinary; } ];
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
