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
  options.keystone.cluster.pools = lib.mkOption {
    type = attrsNamed "[a-z]([a-z0-9-]{0,61}[a-z0-9])?" (
      lib.types.submodule {
        options = {
          provider = lib.mkOption {
            type = lib.types.enum [
              "aws"
              "bare-metal"
            ];
            description = ''
              Where the machines come from. Those of a cloud have the role `cloud`, bare metal has
              the role `worker`.

              - `aws`: Amazon EC2.
              - `bare-metal`: Machines that stand in a rack and run the installer.
            '';
          };

          system = lib.mkOption {
            type = lib.types.enum [
              "x86_64-linux"
              "aarch64-linux"
            ];
            default = "x86_64-linux";
            description = ''
              Platform.

              - `x86_64-linux`: 64-bit Intel and AMD.
              - `aarch64-linux`: 64-bit Arm.
            '';
          };

          min = lib.mkOption {
            type = lib.types.ints.u32;
            default = 0;
            description = "Fewest machines.";
          };

          max = lib.mkOption {
            type = lib.types.ints.u32;
            description = "Most machines.";
          };

          region = lib.mkOption {
            type = lib.types.nullOr (lib.types.strMatching "[a-z]{2}(-[a-z]+)+-[0-9]{1,2}");
            default = null;
            example = "eu-central-1";
            description = "Region of the cloud.";
          };

          instanceTypes = lib.mkOption {
            type = lib.types.listOf lib.types.str;
            default = [ ];
            description = "Types of instances, the preferred one first.";
          };

          subnets = lib.mkOption {
            type = lib.types.listOf lib.types.str;
            default = [ ];
            description = "Subnets in which machines are made.";
          };

          spot = lib.mkOption {
            type = lib.types.bool;
            default = false;
            description = ''
              Whether machines may be spot instances, which are cheaper and can vanish within two
              minutes.
            '';
          };

          rootVolume = lib.mkOption {
            type = lib.types.submodule {
              options = {
                size = lib.mkOption {
                  type = lib.types.strMatching "[0-9]+[KMGT]iB";
                  default = "100GiB";
                  description = "Its size.";
                };

                type = lib.mkOption {
                  type = lib.types.enum [
                    "gp3"
                    "io2"
                  ];
                  default = "gp3";
                  description = ''
                    Its kind.

                    - `gp3`: General purpose: speed is bought apart from size.
                    - `io2`: Provisioned input and output.
                  '';
                };
              };
            };
            default = { };
            description = "The disk with the system.";
          };

          hosts = lib.mkOption {
            type = attrsNamed "[a-z]([a-z0-9-]{0,61}[a-z0-9])?" (
              lib.types.submodule {
                options = {
                  mac = lib.mkOption {
                    type = lib.types.strMatching "([0-9a-f]{2}:){5}[0-9a-f]{2}";
                    example = "52:54:00:12:34:56";
                    description = "Address of the network card that the machine boots from.";
                  };

                  disk = lib.mkOption {
                    type = lib.types.str;
                    description = "The disk to install on, as `/dev/disk/by-id/…`.";
                  };

                  wakeOnLan = lib.mkOption {
                    type = lib.types.bool;
                    default = false;
                    description = "Whether the machine can be woken by a magic packet.";
                  };
                };
              }
            );
            default = { };
            description = ''
              The machines of a bare-metal pool, by name. They run the installer until the operator
              claims them.
            '';
          };

          labels = lib.mkOption {
            type =
              attrsNamed
                "([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
                lib.types.str;
            default = { };
            description = "Labels of the Kubernetes nodes.";
          };

          taints = lib.mkOption {
            type = lib.types.listOf (
              lib.types.submodule {
                options = {
                  key = lib.mkOption {
                    type =
                      lib.types.strMatching
                        "([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";
                    example = "topology.kubernetes.io/zone";
                    description = "Key of the taint.";
                  };

                  value = lib.mkOption {
                    type = lib.types.str;
                    default = "";
                    description = "Value of the taint.";
                  };

                  effect = lib.mkOption {
                    type = lib.types.enum [
                      "NoSchedule"
                      "PreferNoSchedule"
                      "NoExecute"
                    ];
                    description = ''
                      What happens to pods that do not tolerate it.

                      - `NoSchedule`: New pods go elsewhere.
                      - `PreferNoSchedule`: New pods go elsewhere if they can.
                      - `NoExecute`: Running pods leave too.
                    '';
                  };
                };
              }
            );
            default = [ ];
            description = "Taints of the Kubernetes nodes.";
          };
        };
      }
    );
    default = { };
    description = "Sets of machines that the operator makes and removes, by name.";
  };
}
