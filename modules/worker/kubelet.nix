# kubelet, known to the cluster by the node's name and by its address in the mesh.
{ config, lib, ... }:
let
  cfg = config.keystone;
  kubelet = config.services.kubernetes.kubelet;
  self = cfg.cluster.nodes.${cfg.node.name};
  pki = cfg.certificates.folder;
  isControlPlane = lib.elem "control-plane" cfg.node.roles;

  all = self.labels // cfg.worker.labels;
  labels = lib.concatStringsSep "," (lib.mapAttrsToList (key: value: "${key}=${value}") all);
  # A kubelet may give itself labels of its own, and of kubernetes.io these alone; with any other one it does not start
  # (pkg/apis/... of Kubernetes: kubelet/apis/well_known_labels.go), and the admission plugin NodeRestriction refuses them.
  reserved = lib.filter (
    key:
    let
      domain = lib.head (lib.splitString "/" key);
    in
    lib.hasInfix "/" key
    && (
      lib.hasSuffix "kubernetes.io" domain || lib.hasSuffix "k8s.io" domain
    )
    && !(lib.elem key [
      "beta.kubernetes.io/arch"
      "beta.kubernetes.io/instance-type"
      "beta.kubernetes.io/os"
      "failure-domain.beta.kubernetes.io/region"
      "failure-domain.beta.kubernetes.io/zone"
      "kubernetes.io/arch"
      "kubernetes.io/hostname"
      "kubernetes.io/os"
      "node.kubernetes.io/instance-type"
      "topology.kubernetes.io/region"
      "topology.kubernetes.io/zone"
    ])
    && !(lib.hasSuffix "kubelet.kubernetes.io" domain)
    && !(lib.hasSuffix "node.kubernetes.io" domain)
  ) (lib.attrNames all);

  # The same key may be there with several effects.
  taints = lib.listToAttrs (
    map (taint: lib.nameValuePair "${taint.key}-${taint.effect}" { inherit (taint) key value effect; }) (
      self.taints
      ++ lib.optional isControlPlane {
        key = "node-role.kubernetes.io/control-plane";
        value = "";
        effect = "NoSchedule";
      }
    )
  );
in
{
  config = lib.mkIf cfg.worker.enable {
    keystone.kubeconfigs.kubelet.component = "kubelet";
    services.kubernetes.kubelet = {
      enable = true;
      # The subject of its certificate, system:node:<name>, and the name the Node authorizer compares with.
      hostname = cfg.node.name;
      clusterDns = cfg.worker.clusterDns;
      clusterDomain = cfg.cluster.kubernetes.clusterDomain;
      clientCaFile = "${cfg.trust}/kubernetes-ca.crt";
      tlsCertFile = "${pki}/kubelet.crt";
      tlsKeyFile = "${pki}/kubelet.key";
      inherit taints;
      # True as soon as `roles` holds nothing but masters, which an empty list does (kubernetes/default.nix).
      unschedulable = false;
      extraOpts = lib.concatStringsSep " " (
        [
          # Of two values of one flag the last counts: the module renders a kubeconfig of its own,
          "--kubeconfig=${cfg.kubeconfigs.kubelet.path}"
          # and /var/lib/kubernetes, while every storage driver looks for pods' volumes here (ceph-csi's kubeletDirPath,
          # the AWS provider's kubeletPath).
          "--root-dir=/var/lib/kubelet"
          "--node-ip=\${KEYSTONE_MESH_IP}"
        ]
        ++ lib.optional (labels != "") "--node-labels=${labels}"
      );
      extraConfig = {
        authentication.anonymous.enabled = false;
        readOnlyPort = 0;
        seccompDefault = true;
        tlsMinVersion = "VersionTLS13";
        # What resolved itself asks: its own address would lead CoreDNS back to itself.
        resolvConf = "/run/systemd/resolve/resolv.conf";
        # Pods get time to go before the node does.
        shutdownGracePeriod = "60s";
        shutdownGracePeriodCriticalPods = "20s";
      };
    };

    systemd.services.kubelet = {
      after = [
        "keystone-mesh.service"
        "keystone-api.service"
      ];
      wants = [
        "keystone-mesh.service"
        "keystone-api.service"
      ];
      serviceConfig.EnvironmentFile = cfg.mesh.environmentFile;
    };

    assertions = [
      {
        assertion = lib.hasInfix "--root-dir=/var/lib/kubelet" kubelet.extraOpts;
        message = "keystone: services.kubernetes.kubelet.extraOpts lost --root-dir=/var/lib/kubelet; storage drivers would not find the volumes of pods. Add to the option instead of replacing it.";
      }
      {
        assertion = kubelet.hostname == cfg.node.name;
        message = "keystone: services.kubernetes.kubelet.hostname is ${kubelet.hostname}, but the certificate is for system:node:${cfg.node.name}. Take the setting out.";
      }
      {
        # preStart of the kubelet module empties /opt/cni/bin and links the plugins of NixOS there, and /etc/cni/net.d is a
        # link into the store (kubelet.nix), so a network that runs as pods loses its program whenever kubelet starts.
        assertion = kubelet.cni.configDir == null;
        message = "keystone: services.kubernetes.kubelet.cni.configDir is set; a network that installs itself into /opt/cni/bin is removed from there at each start of kubelet. Stay with host flannel, and take the setting out.";
      }
      {
        assertion = reserved == [ ];
        message = "keystone: ${cfg.node.name} has the labels ${lib.concatStringsSep ", " reserved}, which a kubelet may not give itself; use a domain of your own, such as keystone.systems/.";
      }
    ];
  };
}
