# Who enforces NetworkPolicy objects. flannel does not: the API takes them and nothing happens.
{ config, lib, ... }:
let
  cfg = config.keystone;
  policy = cfg.worker.networkPolicy;
in
{
  options.keystone.worker.networkPolicy = lib.mkOption {
    type = lib.types.enum [
      "none"
      "external"
      "kube-network-policies"
    ];
    default = "none";
    description = ''
      What enforces NetworkPolicy objects on this node.

      - `none`: Nothing does, and every build says so.
      - `external`: Something that is not part of this configuration, such as a DaemonSet from your own repository.
      - `kube-network-policies`: kube-network-policies of sigs.k8s.io (docs/decisions/0006-network-policy.md). Not built
        yet, and refused.
    '';
  };

  config = lib.mkIf cfg.worker.enable {
    warnings = lib.optional (policy == "none")
      "keystone: nothing enforces NetworkPolicy objects on ${cfg.node.name}: flannel ignores them, and every pod reaches every other. Install an enforcer (docs/decisions/0006-network-policy.md) and set keystone.worker.networkPolicy = \"external\".";
    # It decides on packets that the kernel queues for it.
    boot.kernelModules = lib.optional (policy != "none") "nfnetlink_queue";
    assertions = [
      {
        assertion = policy != "kube-network-policies";
        message = "keystone: keystone.worker.networkPolicy = \"kube-network-policies\" is not built yet; install it from your own repository and set \"external\".";
      }
    ];
  };
}
