# Does every secret open, before a switch stops anything?
#
# agenix replaces the old generation even when a file of the new one does not decrypt (on Linux its activation script has
# no `set -e`), so a wrong recipient would take secrets away from services that run.
{
  config,
  lib,
  ...
}:
let
  cfg = config.age;
in
{
  config = lib.mkIf (config.keystone.inventory != null && cfg.secrets != { }) {
    system.preSwitchChecks.keystoneSecrets = ''
      identities=()
      # As agenix does: what cannot be read is passed over.
      for identity in ${lib.escapeShellArgs cfg.identityPaths}; do
        if [ -r "$identity" ] && [ -s "$identity" ]; then identities+=(--identity "$identity"); fi
      done
      if [ "''${#identities[@]}" -eq 0 ]; then
        echo ${lib.escapeShellArg "keystone: no identity can be read (${lib.concatStringsSep ", " cfg.identityPaths}), so no secret would open; nothing was changed. Is its file system mounted?"} >&2
        exit 1
      fi
      failed=0
      opens() { # opens NAME FILE
        ${cfg.ageBin} --decrypt "''${identities[@]}" "$2" >/dev/null 2>&1 && return
        echo "keystone: secrets/$1.age does not open with the key of ${config.keystone.node.name}; nothing was changed. Is the node's ageKey in hosts/cluster.toml the public half of its identity? Then: agenix -r -i KEY" >&2
        failed=1
      }
      ${lib.concatStringsSep "\n" (
        lib.mapAttrsToList (name: secret: "opens ${lib.escapeShellArg name} ${secret.file}") cfg.secrets
      )}
      exit $failed
    '';
  };
}
