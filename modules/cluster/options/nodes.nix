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
  options.keystone.cluster.nodes = lib.mkOption {
    type = attrsNamed "[a-z]([a-z0-9-]{0,61}[a-z0-9])?" (
      lib.types.submodule {
        options = {
          roles = lib.mkOption {
            type = lib.types.nonEmptyListOf (
              lib.types.enum [
                "primer"
                "control-plane"
                "worker"
                "storage"
                "ingress"
                "monitoring"
                "backup"
                "cloud"
              ]
            );
            description = ''
              What the machine is for. Each role is a tag in the mesh.

              - `primer`: Holds a share of the root of trust, starts the cluster, and may sleep
                afterwards.
              - `control-plane`: Runs etcd and the control plane of Kubernetes.
              - `worker`: Runs workloads.
              - `storage`: Gives disks to Ceph.
              - `ingress`: Takes requests from outside.
              - `monitoring`: Collects metrics and logs of all others.
              - `backup`: Receives backups of all others.
              - `cloud`: Runs workloads in a cloud, made by the operator. Only machines of pools
                have it.
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

          endpoint = lib.mkOption {
            type = lib.types.nullOr (lib.types.strMatching "[0-9a-z.:-]+");
            default = null;
            example = "203.0.113.11";
            description = ''
              Address outside the mesh, where others can reach it directly. Relay hosts need one.
            '';
          };

          ageKey = lib.mkOption {
            type = lib.types.strMatching "age1[02-9ac-hj-np-z]{58}";
            example = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
            description = ''
              Recipient of the host's own age identity, with which it opens its secrets.
            '';
          };

          sshHostKey = lib.mkOption {
            type = lib.types.nullOr (
              lib.types.strMatching
                "(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*.*"
            );
            default = null;
            example = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH1zsGkXr0yZ2v2LQ8bCM7HZ0AMTSLh6NQ5U8Pj6cQYX";
            description = "Public key of the host's SSH server.";
          };

          labels = lib.mkOption {
            type =
              attrsNamed
                "([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
                lib.types.str;
            default = { };
            description = "Labels of the Kubernetes node.";
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
            description = "Taints of the Kubernetes node.";
          };

          disks = lib.mkOption {
            type = lib.types.submodule {
              options = {
                layout = lib.mkOption {
                  type = lib.types.enum [
                    "single"
                    "mirror"
                    "raidz1"
                    "raidz2"
                  ];
                  default = "single";
                  description = ''
                    How the disks of the system pool are joined.

                    - `single`: One disk, or several without redundancy.
                    - `mirror`: All disks hold the same.
                    - `raidz1`: One disk may fail. Needs three.
                    - `raidz2`: Two disks may fail. Needs four.
                  '';
                };

                system = lib.mkOption {
                  type = lib.types.listOf lib.types.str;
                  default = [ ];
                  description = "Disks of the system pool, as `/dev/disk/by-id/…`.";
                };

                data = lib.mkOption {
                  type = lib.types.listOf lib.types.str;
                  default = [ ];
                  description = "Disks whose zvols Ceph gets (storage nodes).";
                };
              };
            };
            default = { };
            description = "The disks and how ZFS uses them.";
          };

          relayRegion = lib.mkOption {
            type = lib.types.nullOr (lib.types.ints.between 900 999);
            default = null;
            description = ''
              Number of the machine's relay, 900 to 999. By default it is derived from the name, so
              that it depends on no other machine; it must be written where two names happen to give
              the same.
            '';
          };

          cloudInit = lib.mkOption {
            type = lib.types.bool;
            default = false;
            description = ''
              Whether the machine is installed by cloud-init (a rented server) instead of by the
              installer.
            '';
          };
        };
      }
    );
    default = { };
    description = "Machines, by host name.";
  };
}
