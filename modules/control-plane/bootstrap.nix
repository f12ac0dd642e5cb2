# What a cluster needs before anything else can run in it, applied again at every boot and every change.
#
# NixOS' addon manager would do this with certificates of easyCerts only: with other ones its bootstrapAddons are never
# applied (pki.nix is the only place that wires them).
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  unit = "keystone-bootstrap";
  list = pkgs.writeText "keystone-bootstrap.json" (
    builtins.toJSON {
      apiVersion = "v1";
      kind = "List";
      items = cfg.controlPlane.bootstrap.objects;
    }
  );
  binding =
    name: role: subject:
    import ../../lib/cluster-role-binding.nix {
      inherit name role;
      subjects = [ subject ];
    };
  user = name: {
    apiGroup = "rbac.authorization.k8s.io";
    kind = "User";
    inherit name;
  };
in
{
  options.keystone.controlPlane.bootstrap = {
    objects = lib.mkOption {
      type = lib.types.listOf (lib.types.attrsOf lib.types.anything);
      default = [ ];
      description = ''
        Objects of Kubernetes that every control-plane node applies on the server's side, as the field manager
        `${unit}`. What is taken out of this list stays in the cluster.
      '';
    };
    prune = lib.mkOption {
      type = lib.types.attrsOf (lib.types.listOf lib.types.str);
      internal = true;
      default = { };
      description = "For a label, the cluster role bindings that may have it; others that do are deleted.";
    };
  };

  config = lib.mkIf cfg.controlPlane.enable {
    keystone.controlPlane.bootstrap.objects = [
      # Without it the API server, known to kubelets by its client certificate, may not ask them for logs.
      (binding "system:kube-apiserver:kubelet-api-admin" "system:kubelet-api-admin" (
        user "system:kube-apiserver"
      ))
      {
        apiVersion = "rbac.authorization.k8s.io/v1";
        kind = "ClusterRole";
        metadata.name = "flannel";
        # As flannel's own manifest asks for (Documentation/kube-flannel.yml).
        rules = [
          {
            apiGroups = [ "" ];
            resources = [ "pods" ];
            verbs = [ "get" ];
          }
          {
            apiGroups = [ "" ];
            resources = [ "nodes" ];
            verbs = [
              "get"
              "list"
              "watch"
            ];
          }
          {
            apiGroups = [ "" ];
            resources = [ "nodes/status" ];
            verbs = [ "patch" ];
          }
        ];
      }
      (binding "flannel" "flannel" (user "flannel-client"))
    ]
    # What kube-router wants besides what kube-proxy, whose certificate it has, may do already (system:node-proxier). A
    # program that enforces policies has to know all pods, whatever it is called; it may change nothing.
    ++ lib.optionals (cfg.worker.networkPolicy == "kube-router") [
      {
        apiVersion = "rbac.authorization.k8s.io/v1";
        kind = "ClusterRole";
        metadata.name = "kube-router";
        rules = [
          {
            apiGroups = [ "" ];
            resources = [
              "namespaces"
              "pods"
            ];
            verbs = [
              "list"
              "watch"
            ];
          }
          {
            apiGroups = [ "networking.k8s.io" ];
            resources = [ "networkpolicies" ];
            verbs = [
              "list"
              "watch"
            ];
          }
        ];
      }
      (binding "kube-router" "kube-router" (user "system:kube-proxy"))
    ];

    keystone.certificates.use.${unit}.leaves = [ "bootstrap" ];
    keystone.kubeconfigs.${unit} = {
      component = "bootstrap";
      credentials = true;
    };

    systemd.services.${unit} = {
      description = "Apply what a cluster needs first";
      after = [
        "kube-apiserver.service"
        "keystone-api.service"
      ];
      wantedBy = [ "kubernetes.target" ];
      startLimitIntervalSec = 0;
      path = [
        pkgs.curl
        pkgs.findutils
        pkgs.gnugrep
        pkgs.kubectl
      ];
      environment = {
        KUBECONFIG = cfg.kubeconfigs.${unit}.path;
        KUBECACHEDIR = "/tmp/kube";
      };
      serviceConfig = import ../../lib/hardening.nix // {
        # Waiting for a quorum must hold up neither boot nor a switch, so this is no oneshot.
        Type = "exec";
        RemainAfterExit = true;
        Restart = "on-failure";
        RestartSec = 2;
        DynamicUser = true;
        PrivateUsers = true;
      };
      script = ''
        # What is asked again and again is asked by a small program; nothing is believed but that it is time to go on.
        until curl --silent --insecure --fail --max-time 5 --output /dev/null https://127.0.0.1:${toString cfg.worker.api.port}/readyz; do sleep 1; done
        # The list is the only place where these fields are decided.
        kubectl apply --server-side --force-conflicts --field-manager ${unit} --filename ${list}
      ''
      + lib.concatStrings (
        lib.mapAttrsToList (label: names: ''
          kubectl get clusterrolebindings --selector ${label} --output name |
            { grep --line-regexp --fixed-strings --invert-match --file ${
              pkgs.writeText "kept" (
                lib.concatMapStrings (name: "clusterrolebinding.rbac.authorization.k8s.io/${name}\n") names
              )
            } || true; } |
            xargs --no-run-if-empty kubectl delete
        '') cfg.controlPlane.bootstrap.prune
      );
    };
  };
}
