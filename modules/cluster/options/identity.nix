# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.identity = lib.mkOption {
    type = lib.types.submodule {
      options = {
        issuer = lib.mkOption {
          type = lib.types.strMatching "https://[^?#@]+";
          example = "https://oidc.keystone.example/production";
          description = ''
            Public URL below which the discovery document and the keys lie. Clouds fetch them from
            there, so it must be reachable from the Internet and must never change.
          '';
        };

        login = lib.mkOption {
          type = lib.types.nullOr (
            lib.types.submodule {
              options = {
                issuer = lib.mkOption {
                  type = lib.types.strMatching "https://[^?#@]+";
                  example = "https://login.keystone.example";
                  description = ''
                    Issuer of the people's tokens. Must differ from `identity.issuer`.
                  '';
                };

                clientId = lib.mkOption {
                  type = lib.types.strMatching ".+";
                  description = "Name of `kubectl` at the issuer.";
                };

                groupsClaim = lib.mkOption {
                  type = lib.types.str;
                  default = "groups";
                  description = "Claim that holds the groups of a person.";
                };
              };
            }
          );
          default = null;
          description = ''
            Login of people with `kubectl`. Without it only break-glass certificates work.
          '';
        };

        aws = lib.mkOption {
          type = lib.types.nullOr (
            lib.types.submodule {
              options = {
                accountId = lib.mkOption {
                  type = lib.types.strMatching "[0-9]{12}";
                  description = "Number of the account, twelve digits.";
                };

                partition = lib.mkOption {
                  type = lib.types.enum [
                    "aws"
                    "aws-cn"
                    "aws-us-gov"
                  ];
                  default = "aws";
                  description = ''
                    Which of Amazon's separate clouds the account belongs to.

                    - `aws`: The public regions.
                    - `aws-cn`: The regions in China.
                    - `aws-us-gov`: `GovCloud` (US).
                  '';
                };

                regions = lib.mkOption {
                  type = lib.types.nonEmptyListOf (
                    lib.types.strMatching "[a-z]{2}(-[a-z]+)+-[0-9]{1,2}"
                  );
                  example = [ "eu-central-1" ];
                  description = "Regions in which the cluster may act.";
                };

                vpcId = lib.mkOption {
                  type = lib.types.strMatching "vpc-[0-9a-f]{8,17}";
                  description = "The network in which pools make their machines.";
                };

                vpcCidr = lib.mkOption {
                  type = lib.types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}";
                  example = "10.20.0.0/16";
                  description = "Addresses of that network.";
                };

                nodeRole = lib.mkOption {
                  type = lib.types.str;
                  default = "keystone-node";
                  description = "Name of the role that the machines of pools have.";
                };

                backupBucket = lib.mkOption {
                  type = lib.types.nullOr (lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?");
                  default = null;
                  example = "keystone-production-backup";
                  description = "Bucket for backups, when one of the targets is in this account.";
                };

                kmsKeyArn = lib.mkOption {
                  type = lib.types.nullOr lib.types.str;
                  default = null;
                  description = ''
                    Key (ARN) with which volumes are encrypted instead of the account's default key.
                  '';
                };

                maxGroupSize = lib.mkOption {
                  type = lib.types.ints.u32;
                  default = 100;
                  description = "Most machines that one pool may ever have, as enforced by IAM.";
                };
              };
            }
          );
          default = null;
          description = "The AWS account that trusts `issuer`.";
        };

        joinUrl = lib.mkOption {
          type = lib.types.nullOr (lib.types.strMatching "https://[^?#@]+");
          default = null;
          example = "https://join.keystone.example";
          description = ''
            Public URL of the service that turns a machine's attested identity into its credentials.
            Pools of a cloud need it.
          '';
        };
      };
    };
    description = "Who issues tokens to workloads and to people.";
  };
}
