# From the node's secret `pki-<host>`, one document with all of its certificates and keys, to the folder where services
# find them. It happens before any ordinary unit starts, and again when what the secret holds has changed.
#
# Certificates that were renewed here since stay: `keystone-cluster certificates install` says which.
{ config, lib, ... }:
let
  inherit (config) keystone;
  name = "pki-${keystone.node.name}";
  unit = "keystone-certificates";
in
{
  config = lib.mkIf (keystone.inventory != null) {
    keystone.secrets.use.${name} = {
      credentials.${unit} = "pki";
      create = "keystone-primer generate-credentials";
    };
    systemd.services.${unit} = {
      description = "Put the certificates of this node in their places";
      wantedBy = [ "sysinit.target" ];
      before = [
        "sysinit.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      after = [
        "local-fs.target"
        # Where agenix decrypts in a unit; elsewhere there is none of this name.
        "agenix-install-secrets.service"
      ];
      unitConfig = {
        DefaultDependencies = false;
        # A cluster begins without any secret.
        ConditionPathExists = "${config.age.secretsDir}/${name}";
      };
      serviceConfig = import ../../lib/hardening.nix // {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${keystone.package}/bin/keystone-cluster certificates install --from /run/credentials/${unit}.service/pki --to ${keystone.certificates.folder}";
        StateDirectory = lib.removePrefix "/var/lib/" keystone.certificates.folder;
        StateDirectoryMode = "0700";
        PrivateNetwork = true;
        RestrictAddressFamilies = [ "none" ];
        # Would want folders that are made later in the boot; nothing here writes a temporary file.
        PrivateTmp = false;
      };
    };
  };
}
