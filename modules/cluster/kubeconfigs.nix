# Kubeconfigs of services, at paths that stay. A path into the store would change with every line of the inventory, and
# every kubelet would restart because a person joined; so services read a file of /etc, and restart when what concerns
# them changes: how the API is called, and who signs its certificate.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  folder = config.keystone.certificates.folder;
in
{
  options.keystone.kubeconfigs = mkOption {
    default = { };
    description = "Services that speak to the API of Kubernetes, by the name of the service. Modules declare them.";
    type = types.attrsOf (
      types.submodule (
        { name, ... }:
        {
          options = {
            component = mkOption {
              type = types.str;
              example = "scheduler";
              description = "Whose rendered kubeconfig it is.";
            };
            credentials = mkOption {
              type = types.bool;
              default = false;
              description = "Whether the service gets its certificate as a systemd credential instead of reading it as root.";
            };
            path = mkOption {
              type = types.str;
              readOnly = true;
              default = "/etc/keystone/kubernetes/${name}.yaml";
              description = "Where it lies.";
            };
          };
        }
      )
    );
  };

  config = lib.mkIf (cfg.inventory != null) {
    environment.etc = lib.mapAttrs' (
      unit: use:
      lib.nameValuePair "keystone/kubernetes/${unit}.yaml" {
        source =
          let
            rendered = "${cfg.rendered}/kubernetes/components/${use.component}.yaml";
          in
          if use.credentials then
            # The rendered file names the folder, where only root can read.
            pkgs.runCommand "kubeconfig-${use.component}" { } ''
              sed "s|${folder}/|/run/credentials/${unit}.service/|" ${rendered} > $out
              grep -q /run/credentials $out
            ''
          else
            rendered;
      }
    ) cfg.kubeconfigs;
    systemd.services = lib.mapAttrs (_: _: {
      restartTriggers = [
        (builtins.hashString "sha256" (
          builtins.toJSON [
            cfg.cluster.cluster.name
            cfg.cluster.kubernetes.apiName
            cfg.cluster.mesh.baseDomain
            (lib.optionalString (builtins.pathExists (cfg.trust + "/kubernetes-ca.crt")) (
              builtins.hashFile "sha256" (cfg.trust + "/kubernetes-ca.crt")
            ))
          ]
        ))
      ];
    }) cfg.kubeconfigs;
  };
}
