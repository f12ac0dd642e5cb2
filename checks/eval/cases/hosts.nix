# Every host of the reference cluster is a system that NixOS would build, and runs what its role runs.
{
  evalHost,
  failed,
  cluster,
  lib,
  ...
}:
let
  hosts = lib.mapAttrs (host: _: evalHost { inherit host; }) cluster.inventory.nodes;

  node = [
    "keystone-certificates"
    "keystone-mesh"
    "keystone-mesh-join"
    "keystone-mesh-peers"
    "sshd"
    "systemd-resolved"
    "tailscaled"
  ];
  # Relays, and whoever may be the coordinator.
  relay = [
    "headscale"
    "keystone-relay"
  ];
  kubernetes = [
    "containerd"
    "flannel"
    "keystone-api"
    "kube-proxy"
    "kube-router"
    "kubelet"
  ];
  controlPlane = [
    "etcd"
    "keystone-bootstrap"
    "keystone-encryption-reminder"
    "kube-apiserver"
    "kube-controller-manager"
    "kube-scheduler"
  ];
  primer = [
    "keystone-primer"
    "keystone-primer-offline"
    "keystone-primer-storage"
  ];
  expected = {
    primer = relay ++ primer;
    control-plane = relay ++ kubernetes ++ controlPlane;
    worker = kubernetes;
    storage = kubernetes;
    ingress = kubernetes;
    monitoring = kubernetes;
    cloud = kubernetes;
    backup = [ ];
  };
  # What other roles run must not be there.
  vocabulary = lib.unique (node ++ lib.concatLists (lib.attrValues expected));
  sorted = lib.sort (a: b: a < b);
  roles = lib.unique (lib.concatMap (one: one.roles) (lib.attrValues cluster.inventory.nodes));
in
lib.mapAttrs' (
  host: config:
  lib.nameValuePair "${host}: no assertion fails" {
    got = failed config;
    want = [ ];
  }
) hosts
// lib.mapAttrs' (
  host: config:
  lib.nameValuePair "${host}: the units of its roles, and no other role's" {
    got = sorted (
      lib.filter (name: config.systemd.services ? ${name} && config.systemd.services.${name}.enable) vocabulary
    );
    want = sorted (lib.unique (node ++ lib.concatMap (role: expected.${role}) config.keystone.node.roles));
  }
) hosts
// {
  "the reference cluster has every role that is not made of pools" = {
    got = sorted roles;
    want = lib.remove "cloud" (lib.attrNames expected);
  };
  "all three layouts of ZFS appear" = {
    got = sorted (lib.unique (lib.mapAttrsToList (_: config: config.disko.devices.zpool.rpool.mode) hosts));
    want = [
      ""
      "mirror"
      "raidz1"
      "raidz2"
    ];
  };
  "no two hosts have the same hostId" =
    lib.allUnique (lib.mapAttrsToList (_: config: config.networking.hostId) hosts);
}
