# The primer's options: the two samples of its specification as they are written, and what each option changes.
{
  evalPlain,
  evalHost,
  failed,
  refuses,
  says,
  cluster,
  lib,
  ...
}:
let
  # As written there; the second imports the first.
  sample = ../samples/primer.nix;
  # What NixOS asks of every system and the samples do not say: a root file system, a place for the boot loader.
  asked = {
    fileSystems."/" = {
      device = "/dev/disk/by-label/root";
      fsType = "ext4";
    };
    boot.loader.grub.device = "nodev";
    # Only so that NixOS does not warn.
    system.stateVersion = "26.05";
  };

  plain = modules: evalPlain { modules = [ asked ] ++ modules; };
  alone = plain [
    sample
    { networking.hostName = "primer-2"; }
  ];
  began = plain [
    sample
    { networking.hostName = "primer-1"; }
  ];
  unnamed = plain [ sample ];
  first = plain [ ../samples/keystone-primer.nix ];
  nothing = plain [ ];
  joined = evalHost {
    host = "primer-1";
    modules = [ sample ];
  };
  host = evalHost { host = "primer-1"; };
  worker = evalHost { host = "worker-1"; };

  # The plain sample with something changed.
  changed =
    module:
    plain [
      sample
      { networking.hostName = "primer-1"; }
      module
    ];
  refused = primer: refuses (changed { keystone.primer = lib.mapAttrsRecursive (_: lib.mkForce) primer; });
  # A host of the inventory with other values.
  contradicts =
    host: primer:
    refuses (evalHost {
      inherit host;
      modules = [ { keystone = { inherit primer; }; } ];
    });
  peers = n: lib.genList (i: "primer-${toString (i + 1)}.internal:6443") n;

  settings = config: builtins.fromJSON config.environment.etc."keystone/primer.json".text;
  copy = config: builtins.fromJSON config.environment.etc."keystone/cluster.json".text;
  service = config: name: config.systemd.services."keystone-primer${name}";
  needs = config: name: (service config name).unitConfig.RequiresMountsFor;
  builds = config: lib.isString config.system.build.toplevel.drvPath;
  units = config: lib.filter (lib.hasPrefix "keystone-primer") (lib.attrNames config.systemd.services);
in
{
  # ---- the samples --------------------------------------------------------------------------------------------------
  "the samples stand alone" = {
    got = failed alone;
    want = [ ];
  };
  "the samples stand alone: a system" = builds alone;
  "the first sample stands alone" = {
    got = failed first;
    want = [ ];
  };
  "the samples hold on a primer of the reference cluster" = {
    got = failed joined;
    want = [ ];
  };
  "the samples hold on a primer of the reference cluster: a system" = builds joined;
  "the samples' values arrive" = {
    got = settings alone;
    want = {
      schema = 1;
      node = "primer-2";
      role = "primer";
      port = 6443;
      cluster = "production";
      peers = peers 3;
      keyStorage = "/secure/keys";
      quorumSize = 2;
      inventory = null;
      backupRecipient = "/secure/backup.key";
      policy = null;
      airGapped = false;
    };
  };
  "the daemon reads them: it serves what primer.json says" = lib.hasSuffix "/bin/keystone-primer serve" (service alone "").serviceConfig.ExecStart;
  "a custodian has its own copy of the inventory" = {
    got = {
      path = (settings joined).inventory;
      nodes = lib.attrNames (copy joined).nodes;
      inherit (copy joined) schema;
    };
    want = {
      path = "/etc/keystone/cluster.json";
      nodes = lib.attrNames cluster.inventory.nodes;
      inherit (cluster.inventory) schema;
    };
  };
  "every node has that copy, and the public material beside it" =
    (copy worker).schema == cluster.inventory.schema && worker.environment.etc."keystone/trust".source == worker.keystone.trust;
  "what Nix overrides in the inventory, the copy has too" =
    (copy (evalHost {
      host = "primer-1";
      modules = [ { keystone.cluster.kubernetes.podCidr = lib.mkForce "10.99.0.0/16"; } ];
    })).kubernetes.podCidr == "10.99.0.0/16";
  "without an inventory there is no copy" = !(alone.environment.etc ? "keystone/cluster.json");
  "ZFS has a hostId, and each host another" =
    alone.networking.hostId != null && alone.networking.hostId != first.networking.hostId;
  "the second sample may change SSH and upgrades" =
    joined.system.autoUpgrade.enable
    && joined.services.openssh.settings.PermitRootLogin == "prohibit-password"
    && !host.system.autoUpgrade.enable
    && (changed { services.openssh.settings.PermitRootLogin = lib.mkForce "no"; }).services.openssh.settings.PermitRootLogin
    == "no";
  "mount.zfs is not asked for encryption, which it would refuse" = {
    got = alone.fileSystems."/secure".options;
    want = [ "defaults" ];
  };
  "the data set is asked instead" = lib.hasInfix "zfs get -H -o value encryption tank/secure" (service alone "-storage").script;
  "other mount options stay" = {
    got =
      (plain [
        {
          fileSystems."/a" = {
            device = "tank/a";
            fsType = "zfs";
            options = [
              "noatime"
              "encryption=on"
            ];
          };
        }
      ]).fileSystems."/a".options;
    want = [ "noatime" ];
  };

  # ---- enable, role --------------------------------------------------------------------------------------------------
  "importing the module does nothing" = units nothing == [ ] && !(nothing.environment.etc ? "keystone/primer.json");
  "a worker is no primer" = units worker == [ ];
  "enable = false takes a primer of the inventory out" = {
    got = units (evalHost {
      host = "primer-1";
      modules = [ { services.keystone-primer.enable = false; } ];
    });
    want = [ ];
  };
  "role is what others call this host" = (settings host).role == "primer";
  "a role that the inventory does not give is refused" = contradicts "worker-1" {
    enable = true;
  } "set keystone.primer.enable = false";
  "there is no other role" =
    !(builtins.tryEval (changed { keystone.primer.role = lib.mkForce "guest"; }).keystone.primer.role).success;

  # ---- cluster -------------------------------------------------------------------------------------------------------
  "peers come from the inventory, by mesh name" = {
    got = (settings host).peers;
    want = map (n: "primer-${n}.keystone.internal:6443") [
      "1"
      "2"
      "3"
    ];
  };
  "the primers' port is open in the mesh" = {
    got = alone.networking.firewall.interfaces.tailscale0.allowedTCPPorts;
    want = [ 6443 ];
  };
  "with an inventory the service table opens it" =
    lib.hasInfix ''iifname "tailscale0" tcp dport { 6443 } accept comment "primer"'' host.networking.firewall.extraInputRules
    && !lib.hasInfix ''comment "primer"'' worker.networking.firewall.extraInputRules;
  "the port of the own entry is listened on" = {
    got =
      (changed {
        keystone.primer.cluster.peers = lib.mkForce [
          "primer-1.internal:7443"
          "primer-2.internal:6443"
          "primer-3.internal:6443"
        ];
      }).networking.firewall.interfaces.tailscale0.allowedTCPPorts;
    want = [ 7443 ];
  };
  "another port than the mesh opens is refused" = contradicts "primer-1" {
    cluster.peers = map (lib.replaceStrings [ ":6443" ] [ ":7443" ]) (peers 3);
  } "open 6443 between primers. Use 6443.";
  "peers other than the inventory's are a warning" = says "are not the inventory's primers" joined.warnings;
  "a host that is none of the peers is a warning" =
    says "nixos is none of keystone.primer.cluster.peers" unnamed.warnings
    && !says "is none of keystone.primer.cluster.peers" alone.warnings;
  "two primers are refused" = refused { cluster.peers = peers 2; } "has 2 primers; there have to be 3, 5";
  "four primers are refused" = refused { cluster.peers = peers 4; } "an even number bears no more losses";
  "seventeen primers are refused" = refused {
    cluster.peers = peers 17;
    security.quorumSize = 9;
  } "has 17 primers";
  "a primer that is named twice is refused" = refused {
    cluster.peers = peers 2 ++ [ "primer-1.internal:6443" ];
  } "names a primer twice";
  "the cluster's name comes from the inventory" = (settings host).cluster == "production";
  "a name other than the inventory's is refused" = contradicts "primer-1" {
    cluster.name = "other";
  } ''is "other", and the inventory calls the cluster "production"'';
  "a primer without a cluster's name is refused" = refused { cluster.name = null; } "keystone.primer.cluster.name is not set";

  # ---- security ------------------------------------------------------------------------------------------------------
  "one of three is refused" = refused { security.quorumSize = 1; } "more than half, so that two halves cannot sign apart";
  "three of three are refused" = refused { security.quorumSize = 3; } "so that one lost primer does not lose the root: 2.";
  "of five, three and four are taken" =
    map (
      k:
      refused {
        cluster.peers = peers 5;
        security.quorumSize = k;
      } "so that one lost primer does not lose the root: 3 to 4."
    ) [ 2 3 4 5 ] == [ true false false true ];
  "the quorum comes from the inventory, and another one is refused" =
    (settings host).quorumSize == 2
    && contradicts "primer-1" { security.quorumSize = 3; } "primers that disagree sign nothing";
  "every unit waits for the file system of the keys" = {
    got = map (needs began) [ "" "-init" "-storage" ];
    want = lib.replicate 3 [
      "/secure/keys"
      "/secure"
    ];
  };
  "the folder of the keys is for root" = lib.hasInfix "install -d -m 0700 /secure/keys" (service alone "-storage").script;
  "keys in the store are refused" = refused {
    security.keyStorage = "${builtins.storeDir}/keys";
  } "in the store, which everybody reads";

  # ---- bootstrap -----------------------------------------------------------------------------------------------------
  "autoInitialize runs init by the cluster's name" = lib.hasSuffix "/bin/keystone-primer init --cluster production" (service began "-init").serviceConfig.ExecStart;
  "it never runs where there is something" = (service began "-init").unitConfig.ConditionDirectoryNotEmpty == "!/secure/keys";
  "it has no network, and its tokens are not logged" =
    (service began "-init").serviceConfig.PrivateNetwork && (service began "-init").serviceConfig.StandardOutput == "null";
  "without autoInitialize nothing is initialised" = !lib.elem "keystone-primer-init" (units host);
  "only the first of the peers begins: the others could not join one that began by itself" =
    !lib.elem "keystone-primer-init" (units alone) && lib.elem "keystone-primer-init" (units joined);
  "the daemon may write where the recipient of backups goes" =
    lib.elem "/secure" (service alone "").serviceConfig.ReadWritePaths;
  "backupKeyPath gets a public key, and it is said that there is no private one" =
    says "No private backup key exists anywhere: 2 of 3 primers together open a backup" alone.warnings
    && !says "private backup key" host.warnings
    && (settings host).backupRecipient == null;

  # ---- what a primer is --------------------------------------------------------------------------------------------
  "a public port is a warning that names the fix" =
    says "opens 22, 6443 of the primer primer-1 to everybody. Take the setting out" joined.warnings
    && says "networking.firewall.interfaces.tailscale0.allowedTCPPorts = [ 22 ]" alone.warnings
    && !says "to everybody" host.warnings;
  "an upgrade by itself is a warning, whoever asked for it" =
    says "upgrades itself" joined.warnings
    && !says "upgrades itself" host.warnings
    && says "upgrades itself" (evalHost {
      host = "primer-2";
      modules = [
        {
          keystone.base.autoUpgrade = {
            enable = true;
            flake = "git+https://git.example.com/cluster";
          };
        }
      ];
    }).warnings;
  "swap in the clear is a warning" = says "swaps to /dev/sdb in the clear" (changed { swapDevices = [ { device = "/dev/sdb"; } ]; }).warnings;
  "memory is not dumped" = !host.systemd.coredump.enable && (service host "").serviceConfig.LimitCORE == 0;
  "no part of Kubernetes runs on it" =
    !host.services.kubernetes.kubelet.enable && !host.virtualisation.containerd.enable && !host.services.flannel.enable;
  "a program that is missing is a failure" = {
    got = map (unit: (service began unit).unitConfig ? ConditionFileIsExecutable) [ "" "-init" ];
    want = [ false false ];
  };
  "the coordinator is not switched off" =
    lib.hasInfix "[ -e /var/lib/keystone/coordinator/lease ]" (service host "-offline").script
    && (service host "-offline").requiredBy == [ "keystone-primer-offline.target" ];
}
