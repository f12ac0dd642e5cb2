# Secrets are encrypted before they reach etcd. The secret `etcd-encryption` is a whole EncryptionConfiguration.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  unit = "keystone-encryption-reminder";
  inherit (cfg.controlPlane.encryption) rotateAfterDays;
in
{
  options.keystone.controlPlane.encryption.rotateAfterDays = lib.mkOption {
    type = lib.types.ints.positive;
    default = 90;
    description = ''
      Age in days at which `${unit}.service` warns that the keys of `etcd-encryption` want to be rotated. AES-GCM is used
      with random nonces, so a key must go before 200,000 writes of Secrets
      (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/); clusters that write many of them choose less.
    '';
  };

  config = lib.mkIf cfg.controlPlane.enable {
    keystone.secrets.use.etcd-encryption.credentials = {
      kube-apiserver = "etcd-encryption";
      ${unit} = "etcd-encryption";
    };
    # Not reloaded by itself: a credential is a copy from the unit's start, and a new secret restarts the unit.
    services.kubernetes.apiserver.extraOpts = "--encryption-provider-config=${cfg.certificates.use.kube-apiserver.path "etcd-encryption"}";

    # The file's time says when it was last decrypted, and its ciphertext changes with every admin. So the day on which
    # this content first appeared is kept.
    systemd.services.${unit} = {
      description = "Warn when the keys that encrypt Secrets in etcd are old";
      serviceConfig = import ../../lib/hardening.nix // {
        Type = "oneshot";
        DynamicUser = true;
        PrivateNetwork = true;
        PrivateUsers = true;
        RestrictAddressFamilies = [ "AF_UNIX" ];
        StateDirectory = unit;
        StateDirectoryMode = "0700";
      };
      path = [ pkgs.coreutils ];
      script = ''
        sum=$(sha256sum < "$CREDENTIALS_DIRECTORY/etcd-encryption")
        file="$STATE_DIRECTORY/since"
        now=$(date +%s)
        if ! [ -e "$file" ] || ! read -r known since < "$file" || [ "$known" != "''${sum%% *}" ]; then
          since=$now
          printf '%s %s\n' "''${sum%% *}" "$since" > "$file.new"
          mv "$file.new" "$file"
        fi
        days=$(( (now - since) / 86400 ))
        echo "keys of etcd-encryption are in use since $(date -u -d "@$since" +%F)"
        if [ "$days" -ge ${toString rotateAfterDays} ]; then
          echo "<4>keys of etcd-encryption are $days days old; rotate them with: keystone-cluster secrets rotate etcd-encryption (docs/how-to/rotate.md)"
        fi
      '';
    };
    systemd.timers.${unit} = {
      description = "Look at the age of the keys that encrypt Secrets in etcd";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnBootSec = "10min";
        OnCalendar = "daily";
        RandomizedDelaySec = "1h";
      };
    };

    assertions = [
      {
        assertion = cfg.cluster.kubernetes.encryption != "kms";
        message = "keystone: kubernetes.encryption = \"kms\" (a KMS v2 plugin) is not built yet; set it to \"aesgcm\".";
      }
    ];
  };
}
