# Units restart when what a secret holds has changed, and not when it was only encrypted anew: `agenix -r` writes every
# file again, and that must not restart the members of a quorum.
#
# What a file holds is known only when it has been decrypted, so this happens in the activation, which may add units to a
# list that the switch then restarts (switch-to-configuration of NixOS). Between two activations a hash is kept, on /run,
# readable by root.
{
  config,
  lib,
  options,
  ...
}:
let
  cfg = config.keystone.secrets;
  present = lib.filterAttrs (name: _: config.age.secrets ? ${name}) cfg.use;
  unitsOf = use: map (unit: "${unit}.service") (lib.unique (use.units ++ lib.attrNames use.credentials));
  # With these agenix decrypts in a unit instead, after the activation; see modules/age.nix of agenix.
  decryptedByUnit =
    (config.systemd.sysusers.enable or false)
    || (options.services ? userborn && config.services.userborn.enable);
in
{
  config = lib.mkIf (config.keystone.inventory != null) (
    lib.mkMerge [
      (lib.mkIf (!decryptedByUnit) {
        system.activationScripts.keystoneSecrets = {
          deps = lib.optional (present != { }) "agenix";
          text = ''
            (
              umask 077
              seen=/run/keystone-secrets
              # There is nothing to restart while the machine boots.
              booting=; [ -d "$seen" ] || booting=1
              mkdir -p "$seen"
              changed() { # changed NAME FILE UNIT...
                local name=$1 file=$2 now unit
                shift 2
                [ -r "$file" ] || return 0
                now=$(sha256sum <"$file")
                if [ -z "$booting" ] && [ "$now" != "$(cat "$seen/$name" 2>/dev/null)" ]; then
                  mkdir -p /run/nixos
                  for unit in "$@"; do
                    # A unit on this list that is off would be started.
                    case "$(${config.systemd.package}/bin/systemctl show --property ActiveState --value "$unit")" in
                      inactive | deactivating) ;;
                      *) echo "$unit" >>/run/nixos/activation-restart-list ;;
                    esac
                  done
                fi
                printf '%s\n' "$now" >"$seen/$name"
              }
              ${lib.concatStringsSep "\n" (
                lib.mapAttrsToList (
                  name: use:
                  "changed ${
                    lib.escapeShellArgs (
                      [
                        name
                        config.age.secrets.${name}.path
                      ]
                      ++ unitsOf use
                    )
                  }"
                ) present
              )}
            )
          '';
        };
      })
      # Then the encrypted file has to do.
      (lib.mkIf decryptedByUnit {
        systemd.services = lib.mkMerge (
          lib.concatLists (
            lib.mapAttrsToList (
              name: use:
              map (unit: {
                ${lib.removeSuffix ".service" unit}.restartTriggers = [ config.age.secrets.${name}.file ];
              }) (unitsOf use)
            ) present
          )
        );
      })
    ]
  );
}
