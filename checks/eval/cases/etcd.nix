# Where etcd begins, who may begin it, and which list of revoked certificates its members read.
{ evalHost, lib, ... }:
let
  on = host: keystone: evalHost {
    inherit host;
    modules = [ { inherit keystone; } ];
  };
  primers.etcd.beginsOn = "primers";
  script = config: config.systemd.services.etcd.preStart;
  says = text: config: lib.hasInfix text (script config);

  control = evalHost { host = "control-1"; };
  primer = evalHost { host = "primer-1"; };
  controlLater = on "control-1" primers;
  primerFirst = on "primer-1" primers;
  restored.etcd = primers.etcd // {
    restored = "202601011200-0a1b";
  };
  controlRestored = on "control-1" restored;
  primerRestored = on "primer-1" restored;

  listed = on "control-1" { trust = lib.mkForce ../samples/revoked; };
  members = config: lib.concatStringsSep " " config.services.etcd.initialCluster;
  url = host: "https://${host}.keystone.internal:2379";
in
{
  "etcd is the control plane's, and primers have none" =
    control.services.etcd.enable && !primer.services.etcd.enable;
  "the control plane begins it" = says "founder=1\n" control && says "primer=\n" control;
  "a worker has none, wherever it begins" = !(on "worker-1" primers).services.etcd.enable;

  "on primers, it begins with those" = {
    got = members primerFirst;
    want = lib.concatMapStringsSep " " (n: "primer-${n}=https://primer-${n}.keystone.internal:2380") [
      "1"
      "2"
      "3"
    ];
  };
  "a primer begins it, and leaves it some day" =
    says "founder=1\n" primerFirst && says "primer=1\n" primerFirst;
  "a node of the control plane does not begin it then" =
    says "founder=\n" controlLater && says "primer=\n" controlLater;
  "and asks the primers, too" = lib.all (host: says (url host) controlLater) [
    "control-2"
    "control-3"
    "primer-1"
    "primer-2"
    "primer-3"
  ];
  "API servers ask the primers until they have handed over" = {
    got = controlLater.services.kubernetes.apiserver.etcd.servers;
    want = [ "https://127.0.0.1:2379" ] ++ map url [
      "primer-1"
      "primer-2"
      "primer-3"
    ];
  };
  "only a primer's member is passed over when it has left" =
    primerFirst.systemd.services.etcd.serviceConfig ? ExecCondition
    && !(controlLater.systemd.services.etcd.serviceConfig ? ExecCondition);

  # Whatever it began on: the new cluster is another one, and it is on the control plane.
  "a cluster that was restored is the control plane's" =
    !primerRestored.services.etcd.enable
    && controlRestored.services.kubernetes.apiserver.etcd.servers == [ "https://127.0.0.1:2379" ]
    && controlRestored.services.etcd.initialClusterState == "existing"
    && controlRestored.services.etcd.dataDir == "/var/lib/etcd-202601011200-0a1b";

  "without a list, members read none" = !(control.services.etcd.extraConf ? CLIENT_CRL_FILE);
  "a list that is there is read from clients and from members" =
    lib.hasSuffix "/etcd-ca.crl" (listed.services.etcd.extraConf.CLIENT_CRL_FILE or "")
    && lib.hasSuffix "/etcd-ca.crl" (listed.services.etcd.extraConf.PEER_CRL_FILE or "");
}
