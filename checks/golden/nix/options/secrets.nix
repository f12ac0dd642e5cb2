# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.secrets = lib.mkOption {
    type = lib.types.submodule {
      options = {
        quorumSize = lib.mkOption {
          type = lib.types.ints.u32;
          default = 2;
          description = ''
            Primers that must take part when the root key signs or a backup is opened: more than
            half, fewer than all.
          '';
        };

        caRecipients = lib.mkOption {
          type = lib.types.enum [
            "specification"
            "control-plane+quorum"
          ];
          default = "specification";
          description = ''
            Who can open the keys of intermediates, and so issue below them.

            - `specification`: Every primer, every control-plane node and every admin.
            - `control-plane+quorum`: Every control-plane node, and a quorum of primers together; no
              admin, and no primer alone.
          '';
        };

        quorumRecipient = lib.mkOption {
          type = lib.types.nullOr (lib.types.strMatching "age1[02-9ac-hj-np-z]{58}");
          default = null;
          example = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
          description = ''
            The recipient that only a quorum of primers can decrypt for, as `backupKeyPath` on a
            primer holds it. Needed with `caRecipients = "control-plane+quorum"`.
          '';
        };
      };
    };
    default = { };
    description = "The root of trust and the secrets in git.";
  };
}
