# From a folder with hosts/ and secrets/ to a whole cluster: systems, deployment, rendered files, rules for agenix.
{
  inputs,
  lib,
  overlay,
  modules,
  secretRules,
}:
{
  # Holds hosts/cluster.toml, hosts/trust, hosts/<host>/default.nix and secrets/.
  root,
  # NixOS modules for every host.
  extraModules ? [ ],
}:
let
  inventoryFile = root + "/hosts/cluster.toml";
  inventory = lib.importTOML inventoryFile;
  folder = name: root + "/hosts/${name}";

  # What a host is, without its platform: tests put the same modules into a machine of theirs.
  nodeModules = lib.mapAttrs (
    name: _:
    [
      modules.default
      {
        networking.hostName = name;
        keystone = {
          inventory = inventoryFile;
          trust = root + "/hosts/trust";
          secrets.folder = root + "/secrets";
        };
      }
    ]
    ++ lib.optional (builtins.pathExists (folder name)) (folder name)
    ++ extraModules
  ) inventory.nodes;

  nixosConfigurations = lib.mapAttrs (
    name: node:
    inputs.nixpkgs.lib.nixosSystem {
      modules = nodeModules.${name} ++ [
        {
          nixpkgs.hostPlatform = node.system or "x86_64-linux";
          nixpkgs.overlays = [ overlay ];
        }
      ];
    }
  ) inventory.nodes;
in
{
  inherit inventory nodeModules nixosConfigurations;

  deploy.nodes = lib.mapAttrs (
    name: system:
    let
      platform = system.pkgs.stdenv.hostPlatform.system;
    in
    {
      hostname = "${name}.${inventory.mesh.baseDomain}";
      profiles.system = {
        user = "root";
        sshUser = "root";
        path = inputs.deploy-rs.lib.${platform}.activate.nixos system;
      };
    }
  ) nixosConfigurations;

  # What `keystone-cluster render` writes, built by Nix.
  rendered =
    pkgs:
    import ../modules/cluster/render.nix {
      inherit pkgs;
      inherit (pkgs) keystone;
      cluster = inventory;
      trust = root + "/hosts/trust";
    };

  # For secrets.nix: which keys open which file.
  secrets = secretRules { cluster = inventory; };
}
