# Names of services, and names of the mesh, for pods.
#
# Objects of our own: those of NixOS tolerate `node-role.kubernetes.io/master` and select `beta.kubernetes.io/os`, keys
# that no node has any more (addons/dns.nix).
{ config, lib, ... }:
let
  cfg = config.keystone;
  inherit (cfg.cluster) kubernetes mesh;
  name = "coredns";
  namespace = "kube-system";
  labels."k8s-app" = "kube-dns";
  # Ports above 1024 need no capability.
  ports = {
    dns = 1053;
    health = 8080;
    ready = 8181;
    metrics = 9153;
  };
  user = 65532;

  taints = lib.unique (
    map (taint: taint.key) (lib.concatMap (node: node.taints) (lib.attrValues cfg.cluster.nodes))
  );
  corefile = ''
    .:${toString ports.dns} {
      errors
      health :${toString ports.health} {
        lameduck 5s
      }
      ready :${toString ports.ready}
      kubernetes ${kubernetes.clusterDomain} in-addr.arpa ip6.arpa {
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
      }
      prometheus :${toString ports.metrics}
      # First the node's own resolvers. A node may have none, without which CoreDNS does not start (plugin/forward), so
      # tailscaled comes last: it passes on what it can, or says that it cannot.
      forward . /etc/resolv.conf 100.100.100.100 {
        policy sequential
        max_concurrent 1000
      }
      cache 30
      loop
      reload
      loadbalance
    }
    # tailscaled answers for the mesh on every node, at an address that never changes.
    ${mesh.baseDomain}:${toString ports.dns} {
      errors
      forward . 100.100.100.100
      cache 30
      reload
    }
  '';
  probe = path: port: {
    httpGet = {
      inherit path port;
      scheme = "HTTP";
    };
  };
in
{
  config.keystone.controlPlane.bootstrap.objects = lib.mkIf cfg.controlPlane.enable [
    {
      apiVersion = "v1";
      kind = "ServiceAccount";
      metadata = { inherit name namespace; };
    }
    {
      apiVersion = "rbac.authorization.k8s.io/v1";
      kind = "ClusterRole";
      metadata.name = "system:${name}";
      rules = [
        {
          apiGroups = [ "" ];
          resources = [
            "services"
            "pods"
            "namespaces"
          ];
          verbs = [
            "list"
            "watch"
          ];
        }
        {
          apiGroups = [ "discovery.k8s.io" ];
          resources = [ "endpointslices" ];
          verbs = [
            "list"
            "watch"
          ];
        }
      ];
    }
    (import ../../lib/cluster-role-binding.nix {
      name = "system:${name}";
      subjects = [
        {
          kind = "ServiceAccount";
          inherit name namespace;
        }
      ];
    })
    {
      apiVersion = "v1";
      kind = "ConfigMap";
      metadata = { inherit name namespace; };
      data.Corefile = corefile;
    }
    {
      apiVersion = "v1";
      kind = "Service";
      metadata = {
        # Dashboards and other programs look for this name.
        name = "kube-dns";
        inherit namespace labels;
        annotations = {
          "prometheus.io/port" = toString ports.metrics;
          "prometheus.io/scrape" = "true";
        };
      };
      spec = {
        selector = labels;
        clusterIP = lib.head config.keystone.worker.clusterDns;
        ports =
          map
            (protocol: {
              name = if protocol == "UDP" then "dns" else "dns-tcp";
              port = 53;
              targetPort = ports.dns;
              inherit protocol;
            })
            [
              "UDP"
              "TCP"
            ]
          ++ [
            {
              name = "metrics";
              port = ports.metrics;
              targetPort = ports.metrics;
              protocol = "TCP";
            }
          ];
      };
    }
    {
      apiVersion = "policy/v1";
      kind = "PodDisruptionBudget";
      metadata = { inherit name namespace; };
      spec = {
        maxUnavailable = 1;
        selector.matchLabels = labels;
      };
    }
    {
      apiVersion = "apps/v1";
      kind = "Deployment";
      metadata = { inherit name namespace labels; };
      spec = {
        replicas = 2;
        selector.matchLabels = labels;
        strategy = {
          type = "RollingUpdate";
          rollingUpdate.maxUnavailable = 1;
        };
        template = {
          metadata = { inherit labels; };
          spec = {
            serviceAccountName = name;
            priorityClassName = "system-cluster-critical";
            # The node's own resolvers, or it would ask itself.
            dnsPolicy = "Default";
            nodeSelector."kubernetes.io/os" = "linux";
            # Names must be found on whatever nodes there are.
            tolerations = map (key: {
              inherit key;
              operator = "Exists";
              effect = "NoSchedule";
            }) (lib.unique ([ "node-role.kubernetes.io/control-plane" ] ++ taints));
            topologySpreadConstraints = [
              {
                maxSkew = 1;
                topologyKey = "kubernetes.io/hostname";
                whenUnsatisfiable = "ScheduleAnyway";
                labelSelector.matchLabels = labels;
              }
            ];
            securityContext = {
              runAsNonRoot = true;
              runAsUser = user;
              runAsGroup = user;
              seccompProfile.type = "RuntimeDefault";
            };
            containers = [
              {
                inherit name;
                image = config.keystone.worker.images.coredns.reference;
                # Every node has it in its store.
                imagePullPolicy = "Never";
                args = [
                  "-conf"
                  "/etc/coredns/Corefile"
                ];
                resources = {
                  requests = {
                    cpu = "100m";
                    memory = "70Mi";
                  };
                  limits.memory = "170Mi";
                };
                volumeMounts = [
                  {
                    name = "config";
                    mountPath = "/etc/coredns";
                    readOnly = true;
                  }
                ];
                ports = [
                  {
                    name = "dns";
                    containerPort = ports.dns;
                    protocol = "UDP";
                  }
                  {
                    name = "dns-tcp";
                    containerPort = ports.dns;
                    protocol = "TCP";
                  }
                  {
                    name = "metrics";
                    containerPort = ports.metrics;
                    protocol = "TCP";
                  }
                ];
                securityContext = {
                  allowPrivilegeEscalation = false;
                  readOnlyRootFilesystem = true;
                  capabilities.drop = [ "ALL" ];
                };
                livenessProbe = probe "/health" ports.health // {
                  initialDelaySeconds = 60;
                  timeoutSeconds = 5;
                  failureThreshold = 5;
                };
                readinessProbe = probe "/ready" ports.ready // {
                  periodSeconds = 2;
                };
              }
            ];
            volumes = [
              {
                name = "config";
                configMap = { inherit name; };
              }
            ];
          };
        };
      };
    }
  ];
}
