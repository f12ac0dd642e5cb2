# SSH: in the mesh only, and only for those whom the inventory lets in.
{ config, lib, ... }:
let
  cfg = config.keystone;
  inherit (cfg) cluster;
  people = cluster.people;

  members = import ../../lib/members.nix { inherit lib; } cluster;

  here = lib.filter (rule: lib.any (role: lib.elem role cfg.node.roles) rule.to) cluster.ssh;
  keysFor =
    user:
    lib.unique (
      lib.concatMap (
        rule:
        lib.optionals (lib.elem user rule.users) (
          lib.concatMap (group: lib.concatMap (name: people.${name}.sshKeys) (members group)) rule.from
        )
      ) here
    );
  users = lib.unique (lib.concatMap (rule: rule.users) here);
in
{
  options.keystone.base.ssh.dangerouslyOpenOnUnderlay = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Open SSH outside the mesh too, for the time of an installation. Every build warns while it is on.
    '';
  };

  config = lib.mkIf (cfg.inventory != null) {
    services.openssh = {
      enable = true;
      openFirewall = false;
      settings = {
        PermitRootLogin = lib.mkDefault "prohibit-password";
        PasswordAuthentication = false;
        KbdInteractiveAuthentication = false;
        X11Forwarding = false;
        AllowUsers = users;
      };
      hostKeys = [
        {
          path = "/etc/ssh/ssh_host_ed25519_key";
          type = "ed25519";
        }
      ];
    };
    # Keys come from the inventory alone, so that taking a person out of it is enough.
    services.openssh.authorizedKeysInHomedir = false;

    users.users = lib.genAttrs users (
      user:
      {
        openssh.authorizedKeys.keys = keysFor user;
      }
      // lib.optionalAttrs (user != "root") {
        isNormalUser = true;
        extraGroups = lib.optional (user == "admin") "wheel";
      }
    );

    networking.firewall.extraInputRules = lib.mkIf cfg.base.ssh.dangerouslyOpenOnUnderlay "tcp dport 22 accept comment \"dangerouslyOpenOnUnderlay\"";
    warnings = lib.optional cfg.base.ssh.dangerouslyOpenOnUnderlay
      "keystone: SSH of ${cfg.node.name} is open outside the mesh; set keystone.base.ssh.dangerouslyOpenOnUnderlay = false once the node has joined.";

    # Whoever connects knows the hosts of the inventory without asking.
    programs.ssh.knownHosts = lib.mapAttrs' (
      name: node:
      lib.nameValuePair name {
        hostNames = [
          name
          "${name}.${cluster.mesh.baseDomain}"
        ];
        publicKey = node.sshHostKey;
      }
    ) (lib.filterAttrs (_: node: node.sshHostKey != null) cluster.nodes);
  };
}
