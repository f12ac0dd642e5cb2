# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster.kubernetes = lib.mkOption {
    type = lib.types.submodule {
      options = {
        version = lib.mkOption {
          type = lib.types.strMatching "1\\.[0-9]+";
          default = "1.36";
          description = "Minor version: `1.36`. NixOS decides the patch.";
        };

        podCidr = lib.mkOption {
          type = lib.types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}";
          default = "10.244.0.0/16";
          description = "Addresses of pods.";
        };

        serviceCidr = lib.mkOption {
          type = lib.types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}";
          default = "10.96.0.0/16";
          description = "Addresses of services. DNS takes the tenth.";
        };

        apiName = lib.mkOption {
          type = lib.types.strMatching "[a-z]([a-z0-9-]{0,61}[a-z0-9])?";
          default = "kubernetes";
          description = ''
            Name of the API below the mesh's zone: `https://<apiName>.<mesh.baseDomain>:6443`.
          '';
        };

        clusterDomain = lib.mkOption {
          type = lib.types.strMatching "[a-z0-9]([a-z0-9.-]*[a-z0-9])?";
          default = "cluster.local";
          description = "Zone of services inside the cluster.";
        };

        encryption = lib.mkOption {
          type = lib.types.enum [
            "aesgcm"
            "kms"
          ];
          default = "aesgcm";
          description = ''
            How Secrets are encrypted in etcd.

            - `aesgcm`: AES-GCM with keys from a secret of the cluster.
            - `kms`: Envelope encryption through a KMS v2 plugin. Not built yet, and refused.
          '';
        };

        audit = lib.mkOption {
          type = lib.types.enum [
            "metadata"
            "request"
            "request-response"
          ];
          default = "metadata";
          description = ''
            How much the audit log holds of an ordinary request. Secrets never appear in it beyond
            their names.

            - `metadata`: Who did what to which object, and the outcome.
            - `request`: The body of the request too.
            - `request-response`: The bodies of request and response.
          '';
        };
      };
    };
    default = { };
    description = "Versions, address ranges and safeguards of Kubernetes.";
  };
}
