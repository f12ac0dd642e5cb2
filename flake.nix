{
  description = "Keystone Clusters: one inventory, every node of a self-sovereign Kubernetes cluster";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # Only for what 26.05 has too old: see lib/overlay.nix.
    nixpkgs-unstable.url = "github:NixOS/nixpkgs/nixos-unstable";
    agenix = {
      url = "github:ryantm/agenix";
      inputs.nixpkgs.follows = "nixpkgs";
      # Used only by agenix's own checks on macOS and for home-manager (its flake.nix).
      inputs.darwin.follows = "";
      inputs.home-manager.follows = "";
    };
    deploy-rs = {
      url = "github:serokell/deploy-rs";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    disko = {
      url = "github:nix-community/disko";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    lanzaboote = {
      url = "github:nix-community/lanzaboote";
      inputs.nixpkgs.follows = "nixpkgs";
      # "Not used in the flake itself", says its flake.nix; crane and rust-overlay build its package.
      inputs.pre-commit.follows = "";
    };
  };

  outputs =
    { self, nixpkgs, ... }@inputs:
    let
      inherit (nixpkgs) lib;
      keystone = import ./lib { inherit inputs; };
      eachSystem = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
      pkgsFor = eachSystem (
        system:
        import nixpkgs {
          inherit system;
          overlays = [ self.overlays.default ];
        }
      );
      cluster = self.lib.mkCluster { root = ./.; };
    in
    {
      lib = { inherit (keystone) mkCluster secretRules optionsReference; };
      overlays.default = keystone.overlay;
      nixosModules = keystone.modules;
      inherit (cluster) nixosConfigurations deploy;

      packages = eachSystem (
        system:
        keystone.programs pkgsFor.${system}
        // {
          default = pkgsFor.${system}.keystone;
          rendered = cluster.rendered pkgsFor.${system};
        }
      );

      checks = eachSystem (
        system:
        import ./checks {
          inherit self cluster system;
          inherit (keystone) nodeModules;
          pkgs = pkgsFor.${system};
        }
      );

      templates.default = {
        path = ./templates/cluster;
        description = "A cluster of your own: inventory, hosts, secrets";
        welcomeText = ''
          Edit hosts/cluster.toml, then run `nix flake check`. What comes next is in README.md.
        '';
      };

      devShells = eachSystem (system: {
        default = import ./lib/shell.nix {
          pkgs = pkgsFor.${system};
          agenix = inputs.agenix.packages.${system}.default;
        };
      });
      formatter = eachSystem (system: pkgsFor.${system}.nixfmt-tree or pkgsFor.${system}.nixfmt-rfc-style);
    };
}
