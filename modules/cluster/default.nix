# The inventory as options, and what follows from it for this node.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  # Looked at even where the condition below is false, to see which options it defines.
  inventory = lib.optionalAttrs present (lib.importTOML cfg.inventory);
  present = cfg.inventory != null;
  self = cfg.cluster.nodes.${cfg.node.name} or null;
in
{
  imports = [
    ./kubeconfigs.nix
    ./options.nix
    ./services.nix
  ];

  options.keystone = {
    inventory = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = lib.literalExpression "./hosts/cluster.toml";
      description = ''
        The inventory. What it says can be overridden in Nix, value by value, below `keystone.cluster`.
        Without one, no role does anything by itself.
      '';
    };

    trust = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = lib.literalExpression "./hosts/trust";
      description = "Folder with the public material of the root of trust: certificates and public keys.";
    };

    package = mkOption {
      type = types.package;
      default =
        pkgs.keystone
          or (throw "pkgs.keystone does not exist: add the overlay of the flake keystone to nixpkgs.overlays, or set keystone.package");
      defaultText = lib.literalExpression "pkgs.keystone";
      description = "The programs of Keystone.";
    };

    node = {
      name = mkOption {
        type = types.str;
        default = config.networking.hostName;
        defaultText = lib.literalExpression "config.networking.hostName";
        description = "Name of this node in the inventory.";
      };
      roles = mkOption {
        type = types.listOf types.str;
        default = if self == null then [ ] else self.roles;
        defaultText = lib.literalMD "the roles that the inventory gives the node";
        readOnly = true;
        description = "Roles of this node.";
      };
      kubernetes = mkOption {
        type = types.bool;
        default = lib.any (role: lib.elem role cfg.node.roles) [
          "control-plane"
          "worker"
          "storage"
          "ingress"
          "monitoring"
          "cloud"
        ];
        defaultText = lib.literalMD "whether one of its roles makes it a node of Kubernetes";
        readOnly = true;
        description = "Whether this node runs a kubelet.";
      };
      meshName = mkOption {
        type = types.str;
        default = "${cfg.node.name}.${cfg.cluster.mesh.baseDomain}";
        defaultText = lib.literalMD "its name below `mesh.baseDomain`";
        readOnly = true;
        description = "Name of this node in the mesh.";
      };
    };

    rendered = mkOption {
      type = types.package;
      internal = true;
      readOnly = true;
      default = import ./render.nix {
        inherit pkgs;
        inherit (cfg) cluster trust;
        keystone = cfg.package;
      };
      description = "All files that the inventory describes.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf present {
      # Every leaf by itself, so that a module can override one label of one node and leave the rest.
      keystone.cluster = lib.mapAttrsRecursive (_: lib.mkDefault) inventory;
      system.stateVersion = lib.mkDefault cfg.cluster.cluster.stateVersion;
      # What programs on the node compare with: `keystone-cluster health`, and on primers whoever is asked to sign.
      environment.etc = {
        "keystone/cluster.json".text = builtins.toJSON cfg.cluster;
        "keystone/trust" = lib.mkIf (cfg.trust != null) { source = cfg.trust; };
      };
      assertions = [
        {
          assertion = self != null;
          message = "keystone: the inventory has no node `${cfg.node.name}`; add [nodes.${cfg.node.name}] to it, or set networking.hostName to one of: ${lib.concatStringsSep ", " (lib.attrNames cfg.cluster.nodes)}.";
        }
        {
          assertion = cfg.trust != null;
          message = "keystone: keystone.trust is not set; it is the folder with the cluster's public certificates, hosts/trust by convention.";
        }
      ];
    })
  ];
}
