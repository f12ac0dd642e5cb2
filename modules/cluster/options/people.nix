# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
let
  attrsNamed =
    pattern: type:
    let
      named = set: lib.all (name: builtins.match pattern name != null) (lib.attrNames set);
    in
    lib.types.addCheck (lib.types.attrsOf type) named
    // {
      description = "attribute set of values whose names match ${pattern}";
      substSubModules = modules: attrsNamed pattern (type.substSubModules modules);
    };
in
{
  options.keystone.cluster.people = lib.mkOption {
    type = attrsNamed "[a-z]([a-z0-9-]{0,61}[a-z0-9])?" (
      lib.types.submodule {
        options = {
          email = lib.mkOption {
            type = lib.types.strMatching "[a-z0-9._+-]+@[a-z0-9.-]+";
            example = "alice@example.com";
            description = "Address with which the person logs in to the mesh and to Kubernetes.";
          };

          ageKeys = lib.mkOption {
            type = lib.types.listOf (lib.types.strMatching "age1[02-9ac-hj-np-z]{58}");
            default = [ ];
            example = [ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj" ];
            description = "Recipients of the person's age identities.";
          };

          sshKeys = lib.mkOption {
            type = lib.types.listOf (
              lib.types.strMatching
                "(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*.*"
            );
            default = [ ];
            example = [
              "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH1zsGkXr0yZ2v2LQ8bCM7HZ0AMTSLh6NQ5U8Pj6cQYX"
            ];
            description = ''
              SSH keys. age can encrypt to those of kind `ssh-ed25519` and `ssh-rsa` only.
            '';
          };

          groups = lib.mkOption {
            type = lib.types.listOf (lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?");
            default = [ ];
            example = [ "developers" ];
            description = "Groups that the person belongs to, besides `admins`.";
          };

          admin = lib.mkOption {
            type = lib.types.bool;
            default = false;
            description = ''
              Whether the person administers the cluster: reads its secrets, and belongs to the
              group `admins`.
            '';
          };
        };
      }
    );
    default = { };
    description = "People, by name.";
  };
}
