# Secrets of this node: wired to agenix, checked before a switch stops anything, handed over as credentials.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone.secrets;
  isPrimer = lib.elem "primer" config.keystone.node.roles;
  file = name: cfg.folder + "/${name}.age";
  exists = name: cfg.folder != null && builtins.pathExists (file name);
  # A store path of its own, so that a node depends on its secrets and not on the whole repository.
  copy =
    name:
    builtins.path {
      path = file name;
      name = "${name}.age";
    };
  missing = lib.filter (name: !exists name && cfg.use.${name}.create != null) (lib.attrNames cfg.use);
in
{
  imports = [ ./certificates.nix ];

  options.keystone.secrets = {
    folder = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = lib.literalExpression "./secrets";
      description = "Folder with the encrypted files, `<name>.age`.";
    };
    identityFile = mkOption {
      type = types.str;
      default = "/etc/age/${if isPrimer then "primer" else "node"}.txt";
      defaultText = lib.literalMD "`/etc/age/primer.txt` on primers, `/etc/age/node.txt` elsewhere";
      description = ''
        The node's own age identity. It must be readable when the system is activated, so its file system needs
        `neededForBoot`.
      '';
    };
    use = mkOption {
      default = { };
      description = "Secrets that this node uses, by the name of their file. Modules declare them.";
      type = types.attrsOf (
        types.submodule {
          options = {
            owner = mkOption {
              type = types.str;
              default = "root";
              description = "Who owns the decrypted file. Services that take it as a credential leave this at root.";
            };
            mode = mkOption {
              type = types.str;
              default = "0400";
              description = "Mode of the decrypted file.";
            };
            units = mkOption {
              type = types.listOf types.str;
              default = [ ];
              example = [ "headscale" ];
              description = "Services that are restarted when the secret changes.";
            };
            credentials = mkOption {
              type = types.attrsOf types.str;
              default = { };
              example = {
                headscale = "noise";
              };
              description = "Services that get the secret as a systemd credential, and its name there.";
            };
            create = mkOption {
              type = types.nullOr types.str;
              default = "keystone-primer generate-credentials";
              description = "The command that makes the file, for the warning where it is missing; null where it may be missing.";
            };
          };
        }
      );
    };
  };

  config = lib.mkMerge [
    (lib.mkIf (config.keystone.inventory != null) {
      age.identityPaths = [ cfg.identityFile ];
      age.secrets = lib.mapAttrs (name: use: {
        file = copy name;
        inherit (use) owner mode;
      }) (lib.filterAttrs (name: _: exists name) cfg.use);

      warnings = map (
        name:
        "keystone: ${toString cfg.folder}/${name}.age does not exist yet, so on ${config.keystone.node.name} nothing that reads it will start. Make it with: ${cfg.use.${name}.create}"
      ) missing;

      systemd.services = lib.mkMerge (
        lib.concatLists (
          lib.mapAttrsToList (
            name: use:
            lib.optionals (exists name) (
              map (unit: { ${unit}.restartTriggers = [ (builtins.hashFile "sha256" (file name)) ]; }) (
                lib.unique (use.units ++ lib.attrNames use.credentials)
              )
            )
            ++ lib.mapAttrsToList (unit: credential: {
              ${unit}.serviceConfig.LoadCredential = [ "${credential}:${config.age.secretsDir}/${name}" ];
            }) use.credentials
          ) cfg.use
        )
      );
    })

    # agenix replaces the old generation even when a file of the new one does not decrypt (its activation script has no
    # `set -e` on Linux), so a wrong recipient would take running secrets away. Refuse before anything stops.
    (lib.mkIf (config.keystone.inventory != null && config.age.secrets != { }) {
      system.preSwitchChecks.keystoneSecrets = ''
        failed=0
        for identity in ${lib.escapeShellArgs config.age.identityPaths}; do
          [ -r "$identity" ] || echo "keystone: $identity cannot be read; is its file system mounted?" >&2
        done
        ${lib.concatMapStrings (secret: ''
          if ! ${config.age.ageBin} --decrypt ${
            lib.concatMapStringsSep " " (path: "--identity ${lib.escapeShellArg path}") config.age.identityPaths
          } --output /dev/null ${secret.file} 2>/dev/null; then
            echo ${lib.escapeShellArg "keystone: ${secret.name} does not open with this node's key; nothing was changed. Add ${config.keystone.node.name} to its recipients (hosts/cluster.toml), then run: agenix -r -i KEY"} >&2
            failed=1
          fi
        '') (lib.attrValues config.age.secrets)}
        exit $failed
      '';
    })
  ];
}
