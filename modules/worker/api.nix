# The way to the API from this node: a load balancer on its loopback, so that no node depends on one control-plane node,
# on a virtual address, or on a name with several addresses, from which clients take the first.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  api = cfg.worker.api;
  unit = "keystone-api";
  backends = lib.attrNames (
    lib.filterAttrs (_: node: lib.elem "control-plane" node.roles) cfg.cluster.nodes
  );
  # Every node asks every API server with a TLS handshake each time; at most fifty of those a second for one server, until
  # there are so many nodes that finding out would take too long. It need not be often: a connection that fails is noticed at
  # once ("observe layer4"), and this finds a server that accepts and is not ready.
  interval = lib.min 30 (lib.max 5 (lib.length (lib.attrNames cfg.cluster.nodes) / 50));
  configuration = pkgs.writeText "${unit}.cfg" ''
    global
      maxconn 4096
      spread-checks 20

    defaults
      mode tcp
      # A node that died says nothing, so the next try goes to another one; "redispatch" alone would wait for the last try.
      timeout connect 1s
      timeout check 2s
      # Watches are silent for minutes.
      timeout client 1h
      timeout server 1h
      retries 2
      option redispatch 1

    # Mesh names come and go at run time; resolved asks tailscaled. Nothing here needs an answer to start.
    resolvers mesh
      nameserver resolved 127.0.0.53:53
      accepted_payload_size 4096
      resolve_retries 2
      timeout resolve 1s
      timeout retry 1s
      hold valid 10s
      # An address that was found stays good while names cannot be asked for.
      hold timeout 1h
      hold refused 1h
      hold other 1h
      hold nx 30s

    frontend api
      bind 127.0.0.1:${toString api.port}
      default_backend control-plane

    backend control-plane
      balance leastconn
      # Readiness, not an open port: a server without its etcd still accepts connections. The certificate is not
      # verified here as nothing is believed but the answer's number, and every client verifies it end to end.
      option httpchk
      http-check send meth GET uri /readyz
      http-check expect status 200
      # A node that dies in the mesh answers nothing at all, so connections to it are cut as soon as it is found dead; a
      # connection that fails brings the next check forward.
      default-server check check-ssl verify none inter ${toString interval}s fastinter 500ms downinter 2s fall 2 rise 2 observe layer4 error-limit 1 on-error fastinter resolvers mesh resolve-prefer ipv4 init-addr none on-marked-down shutdown-sessions
      ${lib.concatMapStringsSep "\n  " (
        name: "server ${name} ${name}.${cfg.cluster.mesh.baseDomain}:6443"
      ) backends}
  '';
in
{
  options.keystone.worker.api.port = mkOption {
    type = types.port;
    readOnly = true;
    # As the rendered kubeconfigs of components say (keystone-gen-kubeconfig).
    default = 6444;
    description = "Port on the node's loopback at which the API of Kubernetes answers.";
  };

  # The control plane's own programs speak through it as well.
  config = lib.mkIf (cfg.worker.enable || cfg.controlPlane.enable) {
    systemd.services.${unit} = {
      description = "The way to the API of Kubernetes from this node";
      after = [ "network.target" ];
      wantedBy = [ "kubernetes.target" ];
      startLimitIntervalSec = 0;
      serviceConfig = import ../../lib/hardening.nix // {
        Type = "notify";
        ExecStart = "${pkgs.haproxy}/bin/haproxy -Ws -f ${configuration}";
        DynamicUser = true;
        Restart = "always";
        RestartSec = 1;
        # It serves this machine and speaks to the mesh.
        PrivateUsers = true;
        # haproxy sets the limit of open files by itself.
        SystemCallFilter = [
          "@system-service"
          "~@privileged"
        ];
        LimitNOFILE = 16384;
      };
    };

    assertions = [
      {
        assertion = backends != [ ];
        message = "keystone: no node has the role control-plane, so ${cfg.node.name} has no API to speak to; give the role to one or three nodes.";
      }
    ];
  };
}
