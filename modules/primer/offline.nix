# What happens on this machine before a primer goes offline: `keystone-primer prepare-offline` looks at the cluster, then
# starts this target, and if that works the machine can be switched off. Whatever else has to be done first hooks in with
# `requiredBy = [ "keystone-primer-offline.target" ]` and `before` the same.
{ config, lib, ... }:
let
  cfg = config.keystone;
  inherit (cfg) primer;
  inherit (cfg.mesh.coordinator) lease;
in
{
  config = lib.mkIf primer.enable {
    systemd.targets.keystone-primer-offline = {
      description = "This primer may be switched off";
      unitConfig.AllowIsolate = false;
    };
    systemd.services.keystone-primer-offline = {
      description = "Make this primer ready to be switched off";
      requiredBy = [ "keystone-primer-offline.target" ];
      before = [ "keystone-primer-offline.target" ];
      path = [ config.systemd.package ];
      # Asked anew every time.
      serviceConfig.Type = "oneshot";
      script = ''
        if [ -e ${lib.escapeShellArg lease} ]; then
          echo "this primer coordinates the mesh; hand that over first: keystone-cluster mesh handoff HOST" >&2
          exit 1
        fi
        # Not a conflict of the target: that would stop it even when the answer above is no.
        systemctl stop keystone-primer.service
        sync
      '';
    };
  };
}
