# secrets.nix, the rules it is computed from and the files in secrets/ agree, and age can encrypt to every recipient.
{
  self,
  cluster,
  evalHost,
  lib,
  ...
}:
let
  inherit (cluster) inventory;
  rules = import ../../../secrets.nix;
  files = map (name: "secrets/${name}") (
    lib.filter (lib.hasSuffix ".age") (lib.attrNames (builtins.readDir ../../../secrets))
  );
  # Others exist from `keystone-cluster mesh enroll` or `keystone-primer generate-credentials` on.
  needed = map (name: "secrets/${name}.age") (
    lib.attrNames (lib.importJSON ../../../modules/cluster/secrets.json)
  );
  nodeKeys = lib.mapAttrsToList (_: node: node.ageKey) inventory.nodes;
  recipients = lib.unique (lib.concatMap (rule: rule.publicKeys) (lib.attrValues rules));
  # age's own (bech32 of an X25519 key), and the two kinds of SSH key that age turns into recipients.
  canEncrypt = key: builtins.match "age1[02-9ac-hj-np-z]{58}|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?" key != null;

  withPerson =
    person:
    self.lib.secretRules {
      cluster = lib.recursiveUpdate inventory { people.zoe = person; };
    };
  of = set: set."secrets/oidc-signing.age".publicKeys;
  age = "age1qf9gcxzrf9rgep6d2re9t80m37vjr34jynmqehk48vgenysfjcksaaurhw";
  ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH3Xr8/kUaVLLHU9joAeI3RHbRA30I+7j2pXBp41BZJt";
  # What a host reads, and cannot open.
  closed =
    host:
    let
      config = evalHost { inherit host; };
    in
    lib.filter (
      name: !lib.elem inventory.nodes.${host}.ageKey (rules."secrets/${name}.age" or { publicKeys = [ ]; }).publicKeys
    ) (lib.attrNames config.keystone.secrets.use);
in
{
  "every file has a rule" = {
    got = lib.subtractLists (lib.attrNames rules) files;
    want = [ ];
  };
  "every rule has a file" = {
    got = lib.subtractLists files needed;
    want = [ ];
  };
  "no rule is without recipients" = lib.all (rule: rule.publicKeys != [ ]) (lib.attrValues rules);
  "no recipient is there twice, which ragenix refuses" = lib.all (rule: lib.allUnique rule.publicKeys) (lib.attrValues rules);
  "age encrypts to every recipient" = {
    got = lib.filter (key: !canEncrypt key) recipients;
    want = [ ];
  };
  "each host's certificates open for that host, and for no other" = {
    got = lib.filter (
      host:
      lib.intersectLists nodeKeys rules."secrets/pki-${host}.age".publicKeys != [ inventory.nodes.${host}.ageKey ]
    ) (lib.attrNames inventory.nodes);
    want = [ ];
  };
  "they are put in their places before anything ordinary starts, and again when they change" =
    let
      config = evalHost { host = "worker-1"; };
      unit = config.systemd.services.keystone-certificates;
    in
    lib.elem "sysinit.target" unit.before
    && unit.unitConfig.ConditionPathExists == "${config.age.secretsDir}/pki-worker-1"
    && unit.serviceConfig.LoadCredential == [ "pki:${config.age.secretsDir}/pki-worker-1" ]
    && lib.hasSuffix " --from /run/credentials/keystone-certificates.service/pki --to /var/lib/keystone/pki" unit.serviceConfig.ExecStart
    && unit.serviceConfig.StateDirectory == "keystone/pki";
  "a host without them is a warning" = lib.any (lib.hasInfix "secrets/pki-worker-1.age does not exist yet, so nothing that reads it will start on worker-1. Make it with: keystone-primer generate-credentials") (evalHost { host = "worker-1"; }).warnings;
  "names of files have no blank, at which agenix would cut them" =
    lib.all (name: builtins.match "[^ ]+" name != null) (lib.attrNames rules);
  "secrets.nix is the flake's rule for the inventory" = rules == cluster.secrets;
  "each host opens what it reads" = {
    got = lib.filterAttrs (_: names: names != [ ]) (lib.mapAttrs (host: _: closed host) inventory.nodes);
    want = { };
  };
  "an admin's age key opens everything" = lib.elem "age1zzz" (of (withPerson {
    admin = true;
    ageKeys = [ "age1zzz" ];
  }));
  "a person who is no admin opens nothing" = of (withPerson { ageKeys = [ "age1zzz" ]; }) == of rules;
  "keys that age knows nothing of are left out" =
    of (withPerson {
      admin = true;
      sshKeys = [
        "sk-ssh-ed25519@openssh.com AAAA"
        "ecdsa-sha2-nistp256 AAAA"
        ssh
      ];
    }) == of rules ++ [ ssh ];
  "an age key makes SSH keys superfluous" =
    !lib.elem "ssh-rsa zzz" (of (withPerson {
      admin = true;
      ageKeys = [ age ];
      sshKeys = [ "ssh-rsa zzz" ];
    }));
}
