# `keystone.primer`. On a primer of the inventory everything has a value from there.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  inherit (cfg) primer;
  present = cfg.inventory != null;
  isPrimer = lib.elem "primer" cfg.node.roles;
  primers = lib.attrNames (lib.filterAttrs (_: node: lib.elem "primer" node.roles) cfg.cluster.nodes);

  tablePort = (lib.head cfg.services.primer.ports).from;
  parse = peer: builtins.match "(.*):([0-9]+)" peer;
  # This host's own entry: its mesh name, or a name whose first label is its own.
  own = lib.findFirst (
    peer: lib.head (lib.splitString "." (lib.head (parse peer))) == cfg.node.name
  ) null primer.cluster.peers;

  # As text: a path of Nix would be copied into the store, which everybody reads.
  folder = types.strMatching "/[^ ]+";
in
{
  options.keystone.primer = {
    enable = mkOption {
      type = types.bool;
      default = present && isPrimer;
      defaultText = lib.literalMD "whether the inventory says that this host is a primer";
      example = true;
      description = "Whether this host is a primer: it holds a share of the root of trust and takes part in ceremonies.";
    };

    role = mkOption {
      type = types.enum [ "primer" ];
      default = "primer";
      description = ''
        What this host is in ceremonies. On a host of the inventory, one of its roles there has to be the same.
      '';
    };

    cluster = {
      name = mkOption {
        type = types.nullOr (types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?");
        default = if present then cfg.cluster.cluster.name else null;
        defaultText = lib.literalMD "`cluster.name` of the inventory";
        example = "production";
        description = "Name of the cluster, as it stands in the names of its authorities.";
      };
      peers = mkOption {
        type = types.listOf (types.strMatching "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{1,5}");
        default = primer._peersOfInventory;
        defaultText = lib.literalMD "mesh names of the inventory's primers, with the primers' port of the service table";
        example = [
          "primer-1.internal:6443"
          "primer-2.internal:6443"
          "primer-3.internal:6443"
        ];
        description = ''
          Every primer, this one included, as `name:port`. Ceremonies run between these; the port of this host's own
          entry is the one that it listens on.
        '';
      };
    };

    security = {
      keyStorage = mkOption {
        type = folder;
        default = "/var/lib/keystone/primer";
        example = "/secure/keys";
        description = ''
          Folder of the key shares and of the transcript of ceremonies, readable by root alone. Its file system is
          mounted before any unit of the primer starts, and without it none starts.
        '';
      };
      quorumSize = mkOption {
        type = types.ints.positive;
        default = if present then cfg.cluster.secrets.quorumSize else 2;
        defaultText = lib.literalMD "`secrets.quorumSize` of the inventory";
        example = 3;
        description = ''
          Primers that must take part when the root key signs or a backup is opened: more than half, fewer than all.
        '';
      };
    };

    bootstrap = {
      autoInitialize = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether the first boot of the first of `cluster.peers` runs `keystone-primer init --cluster NAME`. It never
          runs where `security.keyStorage` holds anything at all, and on no other primer: those join, with a token that
          `keystone-primer token create NAME` prints on the first one.
        '';
      };
      backupKeyPath = mkOption {
        type = types.nullOr folder;
        default = null;
        example = "/secure/backup.key";
        description = ''
          File into which the ceremony writes the recipient of backups, an ordinary `age1…`. It is a public key: the
          private one exists nowhere, and primers open a backup together (`keystone-primer decrypt-backup`).
        '';
      };
    };

    policy = mkOption {
      type = types.nullOr (
        types.either folder (
          types.submodule {
            options = {
              unattendedProfiles = mkOption {
                type = types.listOf (types.enum [ "node" ]);
                default = [ ];
                example = [ "node" ];
                description = "Profiles of certificates that are signed without a person; the root signs no leaf but `node`.";
              };
              unattendedActs = mkOption {
                type = types.listOf types.str;
                default = [ ];
                example = [ "decryption" ];
                description = "What only a lab may do without a person. Anything in it is refused here.";
              };
            };
          }
        )
      );
      default = null;
      example = {
        unattendedProfiles = [ "node" ];
      };
      description = ''
        What this primer approves without a person, where a slot opens without one (a TPM's): as attributes, which become
        `/etc/keystone/primer-policy.json`, or the path of such a file on the host. Without it nothing is. Certificate
        authorities, decryption, rotation, repair and refresh always ask a person: attributes that say otherwise are refused
        here, and with a file that does the daemon does not start.
      '';
    };

    airGapped = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether the other primers are reached by files that people carry, and by nothing else: this primer then opens no
        connection to them, and ceremonies go by `keystone-primer session export` and `session import`.
      '';
    };

    port = mkOption {
      type = types.port;
      readOnly = true;
      default = if own == null then 6443 else lib.toInt (lib.last (parse own));
      defaultText = lib.literalMD "the port of this host's own entry in `cluster.peers`, otherwise 6443";
      description = "The port on which this primer listens.";
    };

    _own = mkOption {
      type = types.nullOr types.str;
      internal = true;
      readOnly = true;
      default = own;
      description = "This host's own entry in `cluster.peers`.";
    };

    _inventory = mkOption {
      type = types.nullOr types.str;
      internal = true;
      readOnly = true;
      default = if present then "/etc/keystone/cluster.json" else null;
      description = ''
        This primer's own copy of the inventory, from which it rebuilds what it signs. It is read again at every request,
        so nothing restarts for it.
      '';
    };

    _peersOfInventory = mkOption {
      type = types.listOf types.str;
      internal = true;
      readOnly = true;
      default = lib.optionals present (
        map (name: "${name}.${cfg.cluster.mesh.baseDomain}:${toString tablePort}") primers
      );
      description = "What `cluster.peers` is by the inventory.";
    };
  };
}
