# Telling peers that this node is back, without a coordinator.
#
# tailscaled makes a new disco key at every start, and peers learn it from the coordinator, or from a TSMP message inside
# WireGuard that a relay carries. `tailscale ping --tsmp` always sends it (measured with tailscale 1.102.5: without it, a
# node that rebooted while Headscale was off was reached by nobody whose relay had gone). While a coordinator answers there
# is nothing to tell, and whoever starts later tells it himself: then it is enough to look once a minute, as a handshake of
# TLS is most of what a node without work does. While none does, it is done again soon: peers that lost power as well are
# back a little later, and what is told over a relay must be told before that relay goes too.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
in
{
  config = lib.mkIf (cfg.inventory != null) {
    systemd.services.keystone-mesh-peers = {
      description = "Announce this node to peers that it does not reach directly";
      after = [ "keystone-mesh.service" ];
      requires = [ "keystone-mesh.service" ];
      wantedBy = [ "keystone-mesh.target" ];
      path = [
        config.services.tailscale.package
        pkgs.curl
        pkgs.findutils
        pkgs.jq
      ];
      startLimitIntervalSec = 0;
      # As root, whom alone tailscaled lets send something; it needs nothing else of what root may.
      serviceConfig = import ../../lib/hardening.nix // {
        Restart = "always";
        RestartSec = 2;
      };
      script = ''
        while true; do
          if curl --silent --fail --max-time 3 --output /dev/null ${cfg.cluster.mesh.url}/health; then
            sleep 60
            continue
          fi
          # A peer that sleeps is no failure.
          tailscale status --json |
            jq -r '.Peer // {} | .[] | select(.CurAddr == "") | .TailscaleIPs[0]' |
            xargs --no-run-if-empty --max-procs 8 --max-args 1 tailscale ping --tsmp -c 1 --timeout 2s >/dev/null || true
          sleep 10
        done
      '';
    };
  };
}
