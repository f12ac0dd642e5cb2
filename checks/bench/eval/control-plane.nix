# The baseline: a control-plane node with the upstream services that control-1 has and the same settings, written plainly,
# as somebody would who has one node and none of our modules. No unit, option or check of ours.
{ lib, pkgs, ... }:
let
  pki = "/var/lib/keystone/pki";
  zone = "keystone.internal";
  ca = name: "/etc/pki/${name}-ca.crt";
  disk = n: {
    type = "disk";
    device = "/dev/disk/by-id/nvme-control-1-${n}";
    content = {
      type = "gpt";
      partitions = {
        esp = {
          size = "1G";
          type = "EF00";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = if n == "a" then "/boot" else "/boot-1";
            mountOptions = [
              "umask=0077"
              "nofail"
            ];
          };
        };
        zfs = {
          size = "100%";
          content = {
            type = "luks";
            name = "system-${n}";
            settings.crypttabExtraOpts = [
              "tpm2-device=auto"
              "tpm2-measure-pcr=yes"
            ];
            content = {
              type = "zfs";
              pool = "rpool";
            };
          };
        };
      };
    };
  };
  set = mountpoint: {
    type = "zfs_fs";
    inherit mountpoint;
    options.mountpoint = "legacy";
  };
  secret = name: {
    file = ../../../secrets + "/${name}.age";
  };
  onMesh = {
    serviceConfig.EnvironmentFile = "/run/keystone/mesh.env";
  };
in
{
  networking = {
    hostName = "control-1";
    hostId = "0a1b2c3d";
    useDHCP = true;
    nftables.enable = true;
    firewall = {
      allowPing = false;
      checkReversePath = "loose";
      extraInputRules = ''
        iifname "tailscale0" tcp dport { 22, 2379-2381, 6443, 9100, 10249-10250, 10257, 10259 } accept
        tcp dport { 443, 8443 } accept
        udp dport { 3478, 41641 } accept
      '';
    };
    nftables.tables.mesh = {
      family = "inet";
      content = ''
        chain prerouting {
          type filter hook prerouting priority raw; policy accept;
          iifname != { "lo", "tailscale0", "cni0", "flannel.1" } ip saddr 100.64.0.0/10 drop
        }
      '';
    };
  };
  system.stateVersion = "26.05";
  time.timeZone = "UTC";
  users.mutableUsers = false;
  users.allowNoPasswordLogin = true;
  users.users.root.openssh.authorizedKeys.keys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJCtJLH58XjGDKd+/pY5SNTaAJG8AzricFChmhm6DLeD"
  ];
  users.users.admin = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
  };
  nix.gc.automatic = true;

  boot = {
    initrd.systemd.enable = true;
    initrd.systemd.tpm2.enable = true;
    initrd.availableKernelModules = [
      "nvme"
      "ahci"
      "xhci_pci"
    ];
    loader.efi.canTouchEfiVariables = true;
    loader.grub.enable = false;
    loader.systemd-boot.enable = false;
    lanzaboote = {
      enable = true;
      pkiBundle = "/var/lib/sbctl";
      extraEfiSysMountPoints = [ "/boot-1" ];
    };
    supportedFilesystems.zfs = true;
    zfs.forceImportRoot = false;
    tmp.cleanOnBoot = true;
  };
  security.tpm2.enable = true;
  fileSystems."/".neededForBoot = true;
  fileSystems."/var".neededForBoot = true;
  disko.devices = {
    disk.system-0 = disk "a";
    disk.system-1 = disk "b";
    zpool.rpool = {
      type = "zpool";
      mode = "mirror";
      options.ashift = "12";
      rootFsOptions.mountpoint = "none";
      datasets = {
        "local/nix" = set "/nix";
        "local/containerd" = set "/var/lib/containerd";
        "safe/root" = set "/";
        "safe/var" = set "/var";
        "safe/etcd" = set "/var/lib/etcd";
      };
    };
  };
  age = {
    identityPaths = [ "/etc/age/node.txt" ];
    secrets = lib.genAttrs [
      "etcd-encryption"
      "headscale-noise"
      "k8s-ca-key"
      "oidc-signing"
    ] secret;
  };

  services = {
    openssh = {
      enable = true;
      openFirewall = false;
      settings.PermitRootLogin = "prohibit-password";
      settings.PasswordAuthentication = false;
    };
    resolved.enable = true;
    timesyncd.enable = true;
    tailscale.enable = true;
    zfs.autoScrub.enable = true;
    zfs.trim.enable = true;
    headscale = {
      enable = true;
      address = "0.0.0.0";
      port = 443;
      settings = {
        server_url = "https://mesh.keystone.example";
        noise.private_key_path = "/run/credentials/headscale.service/noise";
        tls_cert_path = "/run/credentials/headscale.service/tls.crt";
        tls_key_path = "/run/credentials/headscale.service/tls.key";
        derp.urls = [ ];
        derp.paths = [ "/etc/headscale/derp.yaml" ];
        dns = {
          base_domain = zone;
          magic_dns = true;
          override_local_dns = false;
        };
        policy.mode = "file";
        policy.path = "/etc/headscale/policy.json";
      };
    };
    etcd = {
      enable = true;
      name = "control-1";
      listenClientUrls = [ ];
      listenPeerUrls = [ ];
      advertiseClientUrls = [ "https://control-1.${zone}:2379" ];
      initialAdvertisePeerUrls = [ "https://control-1.${zone}:2380" ];
      initialCluster = map (n: "control-${n}=https://control-${n}.${zone}:2380") [
        "1"
        "2"
        "3"
      ];
      clientCertAuth = true;
      peerClientCertAuth = true;
      trustedCaFile = ca "etcd";
      certFile = "${pki}/etcd.crt";
      keyFile = "${pki}/etcd.key";
      extraConf.HEARTBEAT_INTERVAL = "200";
    };
    kubernetes = {
      easyCerts = false;
      caFile = ca "kubernetes";
      masterAddress = "api.${zone}";
      clusterCidr = "10.244.0.0/16";
      addonManager.enable = false;
      addons.dns.enable = false;
      apiserver = {
        enable = true;
        bindAddress = "\${KEYSTONE_MESH_IP}";
        advertiseAddress = "\${KEYSTONE_MESH_IP}";
        allowPrivileged = true;
        runtimeConfig = "";
        serviceClusterIpRange = "10.96.0.0/16";
        etcd.servers = [ "https://127.0.0.1:2379" ];
        etcd.caFile = ca "etcd";
        clientCaFile = ca "kubernetes";
        tlsCertFile = "${pki}/apiserver.crt";
        tlsKeyFile = "${pki}/apiserver.key";
        serviceAccountIssuer = "https://oidc.keystone.example";
        serviceAccountSigningKeyFile = "/run/agenix/oidc-signing";
        serviceAccountKeyFile = "/etc/pki/sa.pub";
        extraOpts = "--requestheader-client-ca-file=${ca "front-proxy"} --tls-min-version=VersionTLS13";
      };
      controllerManager = {
        enable = true;
        securePort = 10257;
        tlsCertFile = "${pki}/controller-manager.crt";
        tlsKeyFile = "${pki}/controller-manager.key";
        kubeconfig.server = "https://127.0.0.1:6444";
      };
      scheduler = {
        enable = true;
        port = 10259;
        kubeconfig.server = "https://127.0.0.1:6444";
      };
      kubelet = {
        enable = true;
        hostname = "control-1";
        clusterDns = [ "10.96.0.10" ];
        clientCaFile = ca "kubernetes";
        tlsCertFile = "${pki}/kubelet.crt";
        tlsKeyFile = "${pki}/kubelet.key";
        unschedulable = false;
        kubeconfig.server = "https://127.0.0.1:6444";
        extraOpts = "--root-dir=/var/lib/kubelet";
        extraConfig.seccompDefault = true;
      };
      proxy = {
        enable = true;
        hostname = "control-1";
        kubeconfig.server = "https://127.0.0.1:6444";
        extraOpts = "--proxy-mode=nftables";
      };
      flannel.enable = true;
      flannel.openFirewallPorts = false;
    };
    flannel = {
      storageBackend = "kubernetes";
      kubeconfig = "/etc/kubernetes/flannel.conf";
      iface = "tailscale0";
      network = "10.244.0.0/16";
    };
  };
  virtualisation.containerd.enable = true;
  systemd.services = lib.genAttrs [
    "etcd"
    "kube-apiserver"
    "kube-controller-manager"
    "kube-scheduler"
    "kubelet"
    "kube-proxy"
    "flannel"
  ] (_: onMesh);
  environment.systemPackages = [ pkgs.kubectl ];
}
