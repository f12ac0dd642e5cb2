# What a new cluster does not have yet: warnings, each with what to do, so that it evaluates from the first hour.
{ config, lib, ... }:
let
  cfg = config.keystone;
  # Of the cluster's template; nobody has the private halves.
  isPlaceholder = lib.hasPrefix "age1replacethyskey";
  adminsKeys = lib.concatMap (person: lib.optionals person.admin person.ageKeys) (lib.attrValues cfg.cluster.people);
  absent = lib.filter (file: !builtins.pathExists (cfg.trust + "/${file}")) [
    "root-ca.crt"
    "kubernetes-ca.crt"
    "etcd-ca.crt"
    "front-proxy-ca.crt"
    "node-ca.crt"
    "recipients.txt"
  ];
  certificates = lib.filter (lib.hasSuffix ".crt") absent;
in
{
  config = lib.mkIf (cfg.inventory != null) {
    warnings =
      lib.optional (isPlaceholder (cfg.cluster.nodes.${cfg.node.name}.ageKey or ""))
        "keystone: the ageKey of ${cfg.node.name} is still the template's, so it can open no secret. Make one with: age-keygen -o node.txt, put that file to ${cfg.secrets.identityFile} of the machine, and the output of age-keygen -y node.txt into hosts/cluster.toml"
      ++
        lib.optional (lib.any isPlaceholder adminsKeys)
          "keystone: an admin's ageKeys are still the template's, so what is encrypted to it cannot be opened. Make one with: age-keygen -o ~/.config/age/keystone-admin.txt"
      ++ lib.optionals (cfg.trust != null) (
        lib.optional (certificates != [ ])
          "keystone: hosts/trust has no ${lib.concatStringsSep ", " certificates}, so nothing that is rendered from them builds. The ceremony that makes the root of trust writes them: keystone-primer generate-credentials"
        ++
          lib.optional (cfg.controlPlane.enable && (lib.importTOML (cfg.trust + "/trust.toml")).serviceAccountKeys == [ ])
            "keystone: hosts/trust/trust.toml names no serviceAccountKeys, so the API server of ${cfg.node.name} does not start. The ceremony that makes the root of trust writes the key: keystone-primer generate-credentials"
        ++
          lib.optional (lib.elem "recipients.txt" absent)
            "keystone: hosts/trust has no recipients.txt. Write it with: keystone-cluster recipients hosts/cluster.toml --out hosts/trust/recipients.txt"
      );
  };
}
