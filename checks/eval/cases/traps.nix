# Traps of the programs that nodes run, and that the modules step around. In brackets or before each, where it was found;
# what is refused when somebody steps into one is in refusals.nix.
{
  evalHost,
  cluster,
  lib,
  ...
}:
let
  hosts = lib.mapAttrs (host: _: evalHost { inherit host; }) cluster.inventory.nodes;
  control = hosts.control-1;
  worker = hosts.worker-1;
  primer = hosts.primer-1;
  everywhere = test: {
    got = lib.attrNames (lib.filterAttrs (_: config: !test config) hosts);
    want = [ ];
  };
  onKubernetes = test: everywhere (config: !config.keystone.node.kubernetes || test config);
  unit = config: name: config.systemd.services.${name};
  has = part: text: lib.hasInfix part (toString text);

  headscale = primer.services.headscale.settings;
  apiserver = control.services.kubernetes.apiserver;
  objects = control.keystone.controlPlane.bootstrap.objects;
  bound = name: lib.any (object: object.kind == "ClusterRoleBinding" && object.metadata.name == name) objects;
  join = builtins.readFile ../../../modules/mesh/join.sh;
  wired = evalHost {
    host = "worker-1";
    modules = [ { networking.interfaces.eth7.useDHCP = true; } ];
  };
in
{
  # ---- kubernetes.md -------------------------------------------------------------------------------------------------
  # 1.5: the module has /var/lib/kubernetes; of two values of one flag the last counts.
  "kubelet's root-dir is where storage drivers look" =
    onKubernetes (config: has "--root-dir=/var/lib/kubelet" config.services.kubernetes.kubelet.extraOpts);
  # 1.5: bootstrapAddons of the module are never applied without easyCerts, so nothing else makes these.
  "the API server may ask kubelets" = bound "system:kube-apiserver:kubelet-api-admin";
  "flannel may see nodes" = bound "flannel";
  "kube-router may see pods" = bound "kube-router";
  # Read in its options: both listen on all addresses unless told otherwise.
  "kube-router listens nowhere, and does no other work" = onKubernetes (
    config:
    lib.all (flag: has flag (unit config "kube-router").serviceConfig.ExecStart) [
      "--run-router=false"
      "--run-service-proxy=false"
      "--health-port=0"
      "--metrics-port=0"
    ]
  );
  "CoreDNS is there" = lib.any (object: object.kind == "Deployment" && object.metadata.name == "coredns") objects;
  # 1.3: any component turns the module's own CoreDNS on.
  "the module's own CoreDNS and addon manager are off" = onKubernetes (
    config: !config.services.kubernetes.addons.dns.enable && !config.services.kubernetes.addonManager.enable
  );
  # 1.3: any role forces easyCerts and flannel.
  "no roles of the module, no easyCerts" = onKubernetes (
    config: config.services.kubernetes.roles == [ ] && !config.services.kubernetes.easyCerts
  );
  # 1.3 and the charts' defaults.
  "controller manager on 10257, scheduler on 10259" =
    control.services.kubernetes.controllerManager.securePort == 10257 && control.services.kubernetes.scheduler.port == 10259;
  # 1.3: false by default; CSI and load balancers need it.
  "privileged pods are a matter of admission" = apiserver.allowPrivileged;
  # 1.4: the module has no options for these.
  "aggregated APIs know who asks" =
    has "--requestheader-client-ca-file=" apiserver.extraOpts && has "--requestheader-allowed-names=" apiserver.extraOpts;
  # 1.4: --authentication-config excludes all --oidc flags, and --authorization-config the mode that the module sets.
  "no flag that another one excludes" =
    !(has "--oidc-" apiserver.extraOpts) && !(has "--authorization-config" apiserver.extraOpts);
  # 1.3: the module's path has iptables only.
  "kube-proxy has nft" = onKubernetes (
    config: lib.any (package: lib.hasPrefix "nftables" (lib.getName package)) (unit config "kube-proxy").path
  );
  # 2: with 1.37 an implicit mode is a warning.
  "kube-proxy's mode is said" = onKubernetes (config: has "--proxy-mode=nftables" config.services.kubernetes.proxy.extraOpts);
  # 1.6: tailscale0 has 1280, vxlan takes 50; IPv6 wants 1280.
  # Read in pkg/backend/vxlan: what is said there is the network below, of which flannel takes 50 by itself.
  "vxlan fits into the mesh" = onKubernetes (
    config: has ''"MTU":1280'' config.environment.etc."kube-flannel/net-conf.json".source.text
  );
  # 1.6: a restart of tailscaled breaks flannel's routes (tailscale#297).
  "flannel goes with tailscaled" = onKubernetes (config: lib.elem "tailscaled.service" (unit config "flannel").partOf);
  "flannel keeps nothing in etcd" = onKubernetes (config: config.services.flannel.storageBackend == "kubernetes");
  # 1.5, of Rook's prerequisites.
  "containerd has systemd's limit of open files" = onKubernetes (
    config: !((unit config "containerd").serviceConfig ? LimitNOFILE)
  );
  # 1.5: the address is known at run time only.
  "the node's address comes from the mesh" = onKubernetes (
    config:
    config.services.kubernetes.kubelet.nodeIp or null == null
    && (unit config "kubelet").serviceConfig.EnvironmentFile == config.keystone.mesh.environmentFile
  );
  # 1.5 and RN36: no host bits in ranges.
  "ranges have no host bits" = lib.all (cidr: builtins.match "[0-9.]+\\.0/[0-9]+" cidr != null) [
    control.keystone.cluster.kubernetes.podCidr
    control.keystone.cluster.kubernetes.serviceCidr
  ];

  # ---- mesh-control-plane.md -----------------------------------------------------------------------------------------
  # Settings: etcd takes no names in what it listens on; EnvironmentFile overrides the module's Environment.
  "etcd listens where the mesh says" =
    control.services.etcd.listenClientUrls == [ ]
    && control.services.etcd.listenPeerUrls == [ ]
    && lib.head (unit control "etcd").serviceConfig.EnvironmentFile == control.keystone.mesh.environmentFile;
  # One that came back empty under its old number would make a quorum forget what it acknowledged.
  "a member of etcd without data asks the others before it begins" =
    has "begin.sh" (unit control "etcd").preStart
    && lib.last (unit control "etcd").serviceConfig.EnvironmentFile == "-/run/etcd/state.env";
  # The module waits 30 s, and after five failures for ever.
  "etcd comes back at once" =
    (unit control "etcd").serviceConfig.RestartSec == 2 && (unit control "etcd").startLimitIntervalSec == 0;
  "the API server has its own member of etcd only" = apiserver.etcd.servers == [ "https://127.0.0.1:2379" ];
  # Trap 1: an orderly shutdown took 92 s when the underlay's addresses went first.
  "tailscaled stops before the underlay does" = {
    got = lib.subtractLists (unit wired "tailscaled").after [
      "network.target"
      "network-addresses-eth7.service"
    ];
    want = [ ];
  };
  # Trap 2.
  "networking.domain is not the mesh's zone" = everywhere (config: config.networking.domain != "keystone.internal");
  # Times: without these nobody comes back while Headscale is off.
  "netmaps are cached" = lib.any (rule: lib.elem "cache-network-maps" rule.attr) (
    lib.importJSON ../../golden/mesh/policy.json
  ).nodeAttrs;
  "peers are told of a reboot" = everywhere (
    config:
    has "tailscale ping --tsmp" (unit config "keystone-mesh-peers").script
    && (unit config "keystone-mesh-peers").wantedBy == [ "keystone-mesh.target" ]
  );

  # ---- mesh.md -------------------------------------------------------------------------------------------------------
  # 2: no path, {} and null let everybody reach everything.
  "there is a policy, with rules" =
    headscale.policy.mode == "file"
    && headscale.policy.path == "/etc/headscale/policy.json"
    && (lib.importJSON ../../golden/mesh/policy.json).acls != [ ];
  # 1: a URL that cannot be fetched stops the start; the module has Tailscale's own there.
  "the relay map is ours" = headscale.derp.urls == [ ] && !headscale.derp.auto_update_enabled;
  # 1: 9090 is Prometheus', and /debug is on the same listener.
  "metrics stay on the machine, beside Prometheus" = headscale.metrics_listen_addr == "127.0.0.1:9091";
  "gRPC stays on the machine" = lib.hasPrefix "127.0.0.1:" headscale.grpc_listen_addr;
  # 1: true wants resolvers, and is the default.
  "no resolvers are overridden by none" = headscale.dns.override_local_dns -> headscale.dns.nameservers.global != [ ];
  # 1: SIGHUP reloads the policy alone; neither module has ExecReload.
  "a policy is reloaded" = (unit primer "headscale").serviceConfig ? ExecReload && (unit primer "headscale").reloadTriggers != [ ];
  # 1: the key pair is loaded once.
  "a new certificate restarts the coordinator" = primer.systemd.paths ? keystone-coordinator-certificate;
  # 4: -verify-client-url lets everybody in by default when it fails.
  "relays ask the local tailscaled" =
    let
      start = (unit control "keystone-relay").serviceConfig.ExecStart;
    in
    has "-verify-clients" start && !(has "-verify-client-url" start);
  # 3: tags come with the key; asking for them as well is refused.
  "joining asks for no tags" = !(has "--advertise-tags" join);
  # 5: on by default, ahead of the host's firewall.
  "tailscaled writes no firewall rules" = has "--netfilter-mode=off" join;
  # 3 and 7: NixOS' own unit has the key in its arguments.
  "the key is in no argument" =
    has ''--auth-key "file:'' join && everywhere (config: config.services.tailscale.authKeyFile == null) == {
      got = [ ];
      want = [ ];
    };

  # ---- nixos.md ------------------------------------------------------------------------------------------------------
  # 2: forcing is deprecated; a pool that another machine has open would be destroyed.
  "no pool is imported by force" = everywhere (config: !config.boot.zfs.forceImportRoot && !config.boot.zfs.forceImportAll);
  # 2: scripted stage 1 goes away in 26.11.
  "stage 1 is systemd's, without hooks of the scripted one" = everywhere (
    config:
    config.boot.initrd.systemd.enable
    && config.boot.initrd.postDeviceCommands == ""
    && config.boot.initrd.postMountCommands == ""
  );
  # 3: two loaders refuse each other.
  "lanzaboote stands alone" = everywhere (config: !(config.boot.lanzaboote.enable && config.boot.loader.systemd-boot.enable));

  # ---- pki-and-secrets.md, section 1 ---------------------------------------------------------------------------------
  # 1.2: the old generation goes even when the new one does not open.
  "every switch tries all secrets first" = everywhere (
    config: config.age.secrets == { } || config.system.preSwitchChecks ? keystoneSecrets
  );
  # 1.2: the default is the SSH host keys.
  "the identity is said" = everywhere (config: config.age.identityPaths == [ config.keystone.secrets.identityFile ]);
  # 1.2: the folder of a repository as a source would make every node depend on all of it.
  "a secret is a file of its own in the store" = everywhere (
    config: lib.all (secret: has "-${baseNameOf secret.path}.age" secret.file) (lib.attrValues config.age.secrets)
  );
  "agenix finds no age identity by itself, and the shell says so" =
    has "-i ~/.config/age" (builtins.readFile ../../../lib/shell.nix);
}
