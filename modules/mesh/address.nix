# The node's address in the mesh is known only at run time, so whatever binds to it waits for one unit and reads one file.
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
  options.keystone.mesh.environmentFile = lib.mkOption {
    type = lib.types.str;
    default = "/run/keystone/mesh.env";
    readOnly = true;
    description = ''
      Environment file with `KEYSTONE_MESH_IP`, the node's IPv4 address in the mesh, and what follows from it. It exists
      once `keystone-mesh.service` has started; that says nothing about whether peers can be reached.
    '';
  };

  config = lib.mkIf (cfg.inventory != null) {
    systemd.services.keystone-mesh = {
      description = "Wait for this node's address in the mesh";
      after = [
        "tailscaled.service"
        "systemd-resolved.service"
        "keystone-mesh-join.service"
      ];
      wants = [
        "tailscaled.service"
        "keystone-mesh-join.service"
      ];
      path = [
        pkgs.gawk
        pkgs.getent
        pkgs.iproute2
      ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        TimeoutStartSec = "infinity";
        RuntimeDirectory = "keystone";
        RuntimeDirectoryMode = "0755";
        RuntimeDirectoryPreserve = true;
      };
      environment = {
        INTERFACE = cfg.mesh.interface;
        NAME = cfg.node.meshName;
        FILE = cfg.mesh.environmentFile;
      };
      script = ''
        while true; do
          # The address is on the interface, where tailscaled alone puts one, and found by the node's own name.
          ip=$(ip -4 -brief addr show dev "$INTERFACE" 2>/dev/null | awk '{ sub("/.*", "", $3); print $3 }')
          if [ -n "$ip" ] && getent ahostsv4 "$NAME" | grep -q "^$ip "; then break; fi
          sleep 0.5
        done
        cat > "$FILE.new" <<EOF
        KEYSTONE_MESH_IP=$ip
        KEYSTONE_NODE_IP=$ip
        ETCD_LISTEN_CLIENT_URLS=https://$ip:2379,https://127.0.0.1:2379
        ETCD_LISTEN_PEER_URLS=https://$ip:2380
        ETCD_LISTEN_METRICS_URLS=http://$ip:2381,http://127.0.0.1:2381
        EOF
        mv "$FILE.new" "$FILE"
      '';
      wantedBy = [ "keystone-mesh.target" ];
    };

    # What needs the mesh hangs on a target of its own, for which multi-user.target does not wait (targets without default
    # dependencies are not ordered): a node that has no key yet still boots, and a switch does not hang on it.
    systemd.targets.keystone-mesh = {
      description = "Services that live in the mesh";
      wantedBy = [ "multi-user.target" ];
      conflicts = [ "shutdown.target" ];
      before = [ "shutdown.target" ];
      unitConfig.DefaultDependencies = false;
    };
  };
}
