# Headscale on every machine that may be the coordinator. It runs on the one that holds the lease, a file that only the
# first start and the handoff write; everywhere else the unit is skipped.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  co = cfg.mesh.coordinator;
  inherit (cfg.cluster) mesh;
  headscale = config.services.headscale;

  knownKeys = lib.filter (line: line != "" && !lib.hasPrefix "#" line) (
    lib.splitString "\n" (builtins.readFile ./headscale-keys.txt)
  );
  leaves =
    path: value:
    if lib.elem (lib.concatStringsSep "." path) knownKeys then
      [ ]
    else if lib.isAttrs value then
      lib.concatLists (lib.mapAttrsToList (name: leaves (path ++ [ name ])) value)
    else
      [ (lib.concatStringsSep "." path) ];
  # NixOS writes every option of its module, set or not. A list of records that is there, though empty, excludes
  # `extra_records_path` (hscontrol/types/config.go), and keys of older versions mean nothing any more.
  settings = lib.filterAttrsRecursive (_: value: value != null && value != [ ] && value != { }) (
    removeAttrs headscale.settings [
      "ephemeral_node_inactivity_timeout"
      "tls_letsencrypt_cache_dir"
    ]
    // {
      dns = removeAttrs headscale.settings.dns [ "split" ];
    }
  );
  configFile = (pkgs.formats.yaml { }).generate "headscale.yaml" settings;
  foreign = leaves [ ] settings;

  controlPlane = lib.attrNames (
    lib.filterAttrs (_: node: lib.elem "control-plane" node.roles) cfg.cluster.nodes
  );
  leased = {
    unitConfig.ConditionPathExists = co.lease;
    # Also stopped by the fence of a handoff.
    partOf = [ "headscale.service" ];
  };
in
{
  options.keystone.mesh.coordinator = {
    candidate = mkOption {
      type = types.bool;
      default = cfg.mesh.relayHost;
      defaultText = lib.literalMD "whether the node runs a relay";
      description = "Whether this node may become the coordinator.";
    };
    first = mkOption {
      type = types.bool;
      internal = true;
      readOnly = true;
      default = cfg.inventory != null && mesh.coordinator.node == cfg.node.name;
      description = "Whether Headscale starts here in the life of the cluster.";
    };
    lease = mkOption {
      type = types.str;
      readOnly = true;
      default = "/var/lib/keystone/coordinator/lease";
      description = "The file that says that this node is the coordinator. `keystone-cluster mesh handoff` moves it.";
    };
    certificate = {
      certFile = mkOption {
        type = types.str;
        default = "${cfg.certificates.folder}/mesh.crt";
        defaultText = lib.literalMD "`mesh.crt` of the node's certificates, or ACME's, as `mesh.tls` says";
        description = "Certificate of the coordinator's name.";
      };
      keyFile = mkOption {
        type = types.str;
        default = "${cfg.certificates.folder}/mesh.key";
        defaultText = lib.literalMD "beside the certificate";
        description = "Key of the certificate.";
      };
    };
  };

  config = lib.mkIf co.candidate {
    services.headscale = {
      enable = true;
      address = "0.0.0.0";
      inherit (mesh.coordinator) port;
      settings = {
        server_url = mesh.url;
        prefixes = { inherit (mesh.prefixes) v4 v6; };
        # Clients know the server by this key, so every candidate has the same one.
        noise.private_key_path = "/run/credentials/headscale.service/noise";
        tls_cert_path = "/run/credentials/headscale.service/tls.crt";
        tls_key_path = "/run/credentials/headscale.service/tls.key";
        database.type = "sqlite";
        derp = {
          # No map but ours: a source that cannot be fetched stops the start (hscontrol/app.go), and the relays of
          # someone else would see who talks to whom.
          urls = lib.optional (mesh.derpFallback == "tailscale") "https://controlplane.tailscale.com/derpmap/default";
          paths = [ "/etc/headscale/derp.yaml" ];
          auto_update_enabled = false;
          # The relays are programs of their own, which go on when the coordinator does not.
          server.enabled = false;
        };
        dns = {
          magic_dns = true;
          base_domain = mesh.baseDomain;
          # The default is true and wants resolvers.
          override_local_dns = mesh.nameservers != [ ];
          nameservers.global = mesh.nameservers;
          extra_records_path = "/var/lib/headscale/records.json";
        };
        # A server without a policy file lets everybody reach everything.
        policy = {
          mode = "file";
          path = "/etc/headscale/policy.json";
        };
        # 9090 is Prometheus'. The listener also has /debug, so it stays on the machine.
        metrics_listen_addr = "127.0.0.1:9091";
        grpc_listen_addr = "127.0.0.1:50443";
        disable_check_updates = true;
        logtail.enabled = false;
      };
    };
    environment.etc = {
      "headscale/policy.json".source = "${cfg.rendered}/mesh/policy.json";
      "headscale/derp.yaml".source = "${cfg.rendered}/mesh/derp.yaml";
    };

    keystone.secrets.use.headscale-noise.credentials.headscale = "noise";

    systemd.services.headscale = {
      # Only the policy is read again on SIGHUP; another relay map or setting needs a start.
      reloadTriggers = [ cfg.rendered ];
      restartTriggers = [
        (builtins.hashString "sha256" (
          builtins.toJSON [
            mesh
            (lib.mapAttrs (_: node: node.endpoint) cfg.cluster.nodes)
          ]
        ))
      ];
      unitConfig.ConditionPathExists = co.lease;
      startLimitIntervalSec = 0;
      preStart = ''
        [ -e /var/lib/headscale/records.json ] || echo '[]' > /var/lib/headscale/records.json
      '';
      serviceConfig = {
        ExecStart = lib.mkForce "${headscale.package}/bin/headscale serve --config ${configFile}";
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        LoadCredential = [
          "tls.crt:${co.certificate.certFile}"
          "tls.key:${co.certificate.keyFile}"
        ];
        AmbientCapabilities = lib.mkForce (lib.optional (mesh.coordinator.port < 1024) "CAP_NET_BIND_SERVICE");
        CapabilityBoundingSet = lib.mkForce (
          if mesh.coordinator.port < 1024 then [ "CAP_NET_BIND_SERVICE" ] else [ "" ]
        );
        RestartSec = lib.mkForce 2;
        # It may wait for clients that come back again and again, and never end (0.29, seen after a node was deleted). SQLite bears
        # that it is killed, and whoever moves the coordinator waits for its end.
        TimeoutStopSec = 15;
      };
    };

    # The life of a cluster begins once: a machine that ever was, or gave up being, the coordinator has this folder.
    systemd.services.keystone-coordinator-first = lib.mkIf co.first {
      description = "Become the first coordinator of the cluster";
      before = [ "headscale.service" ];
      requiredBy = [ "headscale.service" ];
      unitConfig.ConditionPathExists = "!/var/lib/keystone/coordinator";
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        mkdir -p /var/lib/keystone
        part=$(mktemp -d /var/lib/keystone/coordinator.XXXXXX)
        chmod 0755 "$part"
        echo '{"holder":"${cfg.node.name}","generation":1}' > "$part/lease"
        sync -f "$part"
        mv -T "$part" /var/lib/keystone/coordinator
      '';
    };

    # A coordinator's own node looks for the lease once, and without one waits for a key that nobody could make.
    systemd.services.keystone-mesh-join.after = [
      "keystone-coordinator-first.service"
      "headscale.service"
    ];

    # The policy names people by their address, and knows nobody whom Headscale does not.
    systemd.services.keystone-coordinator-people = leased // {
      description = "Make the inventory's people known to Headscale";
      after = [ "headscale.service" ];
      wantedBy = [ "headscale.service" ];
      restartTriggers = [ (builtins.toJSON (lib.mapAttrs (_: person: person.email) cfg.cluster.people)) ];
      path = [
        headscale.package
        pkgs.jq
      ];
      serviceConfig = {
        Type = "oneshot";
        Restart = "on-failure";
        RestartSec = 1;
      };
      script = ''
        known=$(headscale users list --output json | jq -r '.[]?.name')
        ${lib.concatStrings (
          lib.mapAttrsToList (name: person: ''
            grep -qxF ${name} <<<"$known" || headscale users create ${name} --email ${lib.escapeShellArg person.email}
          '') cfg.cluster.people
        )}
      '';
    };

    # The API of Kubernetes has a name in the mesh with the address of every control-plane node.
    systemd.services.keystone-coordinator-records = leased // {
      description = "Names of the mesh that stand for several nodes";
      after = [ "headscale.service" ];
      path = [
        headscale.package
        pkgs.jq
      ];
      serviceConfig.Type = "oneshot";
      script = ''
        headscale nodes list --output json |
          jq --arg name ${cfg.cluster.kubernetes.apiName}.${mesh.baseDomain} --argjson nodes '${builtins.toJSON controlPlane}' \
            '[.[]? | select((.given_name // .givenName) as $n | $nodes | index($n)) | (.ip_addresses // .ipAddresses)[]
              | {name: $name, type: (if contains(":") then "AAAA" else "A" end), value: .}] | sort_by(.value)' \
            > /var/lib/headscale/records.json.new
        # Headscale watches the file, and a change reaches every client.
        if ! cmp -s /var/lib/headscale/records.json.new /var/lib/headscale/records.json; then
          chown headscale:headscale /var/lib/headscale/records.json.new
          mv /var/lib/headscale/records.json.new /var/lib/headscale/records.json
        fi
      '';
    };
    systemd.timers.keystone-coordinator-records = {
      description = "Keep names of the mesh up to date";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnBootSec = "10s";
        OnUnitInactiveSec = "10s";
        AccuracySec = "1s";
      };
    };

    # Headscale loads its certificate once, at start (hscontrol/app.go).
    systemd.paths.keystone-coordinator-certificate = {
      description = "Watch the coordinator's certificate";
      wantedBy = [ "multi-user.target" ];
      pathConfig.PathChanged = co.certificate.certFile;
    };
    systemd.services.keystone-coordinator-certificate = {
      description = "Take the coordinator's new certificate";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${config.systemd.package}/bin/systemctl try-restart headscale.service";
      };
    };

    assertions = [
      {
        assertion = headscale.settings.policy.mode == "file" && headscale.settings.policy.path != null;
        message = "keystone: services.headscale.settings.policy has no file, and with none everybody would reach everything. Take the setting out; the policy comes from the inventory.";
      }
      {
        assertion = foreign == [ ];
        message = "keystone: Headscale does not know ${lib.concatStringsSep ", " foreign} and would ignore it; check the spelling in services.headscale.settings against modules/mesh/headscale-keys.txt.";
      }
      {
        assertion = lib.versionAtLeast (lib.getVersion headscale.package) "0.29";
        message = "keystone: Headscale is ${lib.getVersion headscale.package}, and the policy and keys here are those of 0.29; take the package from the flake's overlay (nixpkgs.overlays), which has it from nixpkgs-unstable.";
      }
    ];
  };
}
