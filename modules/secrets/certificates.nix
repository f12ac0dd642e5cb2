# Certificates of this node's own services. Keys belong to root alone; a service gets its own as a systemd credential,
# which is a copy made at its start, so a renewed certificate restarts it.
{
  config,
  lib,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone.certificates;
  leaves = lib.mapAttrs (_: use: use.leaves) cfg.use;
in
{
  options.keystone.certificates = {
    folder = mkOption {
      type = types.str;
      default = "/var/lib/keystone/pki";
      readOnly = true;
      description = "Folder of the node's certificates and keys, `<leaf>.crt` and `<leaf>.key`, readable by root alone.";
    };
    use = mkOption {
      default = { };
      description = "Services that get certificates, by the name of the service. Modules declare them.";
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              leaves = mkOption {
                type = types.listOf types.str;
                example = [ "etcd" ];
                description = "Leaves whose certificate and key the service gets as credentials of the same names.";
              };
              path = mkOption {
                type = types.functionTo types.str;
                internal = true;
                readOnly = true;
                default = file: "/run/credentials/${name}.service/${file}";
                description = "Where the service finds a credential.";
              };
            };
          }
        )
      );
    };
  };

  config = {
    systemd.services =
      lib.mapAttrs (_: names: {
        serviceConfig.LoadCredential = lib.concatMap (name: [
          "${name}.crt:${cfg.folder}/${name}.crt"
          "${name}.key:${cfg.folder}/${name}.key"
        ]) names;
      }) leaves
      // lib.mapAttrs' (
        unit: _:
        lib.nameValuePair "keystone-certificate-${unit}" {
          description = "Give ${unit} its new certificate";
          serviceConfig = {
            Type = "oneshot";
            ExecStart = "${config.systemd.package}/bin/systemctl try-restart ${unit}.service";
          };
        }
      ) leaves;
    # Whoever renews writes the key first and the certificate last.
    systemd.paths = lib.mapAttrs' (
      unit: names:
      lib.nameValuePair "keystone-certificate-${unit}" {
        description = "Watch the certificates of ${unit}";
        wantedBy = [ "multi-user.target" ];
        pathConfig.PathChanged = map (name: "${cfg.folder}/${name}.crt") names;
      }
    ) leaves;
  };
}
