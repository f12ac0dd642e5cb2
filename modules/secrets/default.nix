# Secrets of this node: wired to agenix, checked before a switch stops anything, handed over as credentials.
{
  config,
  lib,
  utils,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone.secrets;
  node = config.keystone.node.name;
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
  present = lib.filterAttrs (name: _: exists name) cfg.use;
  missing = lib.filterAttrs (name: use: !exists name && use.create != null) cfg.use;
  # Mount points above the identity that are mounted after the system is activated.
  tooLate = lib.attrNames (
    lib.filterAttrs (
      mount: fs: lib.hasPrefix "${mount}/" cfg.identityFile && !utils.fsNeededForBoot fs
    ) config.fileSystems
  );
in
{
  imports = [
    ./certificates.nix
    ./check.nix
    ./install.nix
    ./restart.nix
    ./unready.nix
  ];

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
      example = "/persist/age/node.txt";
      description = ''
        The node's own age identity. It must be readable when the system is activated, so its file system needs
        `neededForBoot`.
      '';
    };
    use = mkOption {
      default = { };
      example = lib.literalExpression ''
        {
          grafana-admin.credentials.grafana = "admin";
        }
      '';
      description = "Secrets that this node uses, by the name of their file. Modules declare them.";
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              owner = mkOption {
                type = types.str;
                default = "root";
                example = "grafana";
                description = "Who owns the decrypted file. Services that take it as a credential leave this at root.";
              };
              mode = mkOption {
                type = types.str;
                default = "0400";
                example = "0440";
                description = "Mode of the decrypted file.";
              };
              units = mkOption {
                type = types.listOf types.str;
                default = [ ];
                example = [ "headscale" ];
                description = "Services that read the decrypted file, and are restarted when what it holds changes.";
              };
              credentials = mkOption {
                type = types.attrsOf types.str;
                default = { };
                example = {
                  headscale = "noise";
                };
                description = ''
                  Services that get the secret as a systemd credential, and its name there. They are restarted when what
                  it holds changes.
                '';
              };
              create = mkOption {
                type = types.nullOr types.str;
                default = "agenix -e secrets/${name}.age";
                defaultText = lib.literalMD "`agenix -e secrets/<name>.age`";
                example = "head -c 32 /dev/urandom | base64 | agenix -e secrets/session.age";
                description = "The command that makes the file, for the warning where it is missing; null where it may be missing.";
              };
            };
          }
        )
      );
    };
  };

  config = lib.mkIf (config.keystone.inventory != null) {
    age.identityPaths = [ cfg.identityFile ];
    age.secrets = lib.mapAttrs (name: use: {
      file = copy name;
      inherit (use) owner mode;
    }) present;

    # A cluster begins without any secret, and must evaluate before its first ceremony.
    warnings = lib.mapAttrsToList (
      name: use:
      "keystone: secrets/${name}.age does not exist yet, so nothing that reads it will start on ${node}. Make it with: ${use.create}"
    ) missing;

    assertions = [
      {
        assertion = tooLate == [ ];
        message = "keystone: ${cfg.identityFile} lies on ${lib.concatStringsSep ", " tooLate}, which is mounted after secrets are decrypted; set fileSystems.\"${lib.concatStringsSep ", " tooLate}\".neededForBoot = true.";
      }
    ];

    systemd.services = lib.mkMerge (
      lib.concatLists (
        lib.mapAttrsToList (
          name: use:
          lib.mapAttrsToList (unit: credential: {
            ${unit}.serviceConfig.LoadCredential = [ "${credential}:${config.age.secretsDir}/${name}" ];
          }) use.credentials
        ) cfg.use
      )
    );
  };
}
