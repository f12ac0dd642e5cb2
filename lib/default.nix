# Everything that flake.nix offers, put together from the folders.
{ inputs }:
let
  inherit (inputs.nixpkgs) lib;
  overlay = import ./overlay.nix { inherit inputs; };

  # One module a folder of modules/.
  areas = lib.mapAttrs (name: _: ../modules + "/${name}") (
    lib.filterAttrs (_: kind: kind == "directory") (builtins.readDir ../modules)
  );
  modules = areas // {
    default.imports = lib.attrValues areas ++ [
      inputs.agenix.nixosModules.default
      inputs.disko.nixosModules.disko
      inputs.lanzaboote.nixosModules.lanzaboote
    ];
  };
in
rec {
  inherit overlay modules;
  # For machines of tests.
  nodeModules = [ modules.default ];
  secretRules = import ./secret-rules.nix;
  # The text of docs/reference/options.md.
  optionsReference = import ./options-reference.nix {
    inherit lib;
    modules.imports = lib.attrValues areas;
  };
  mkCluster = import ./mk-cluster.nix {
    inherit
      inputs
      lib
      overlay
      modules
      secretRules
      ;
  };

  # Every program and generator, each under its own name, all from one build.
  programs =
    pkgs:
    lib.genAttrs
      (lib.concatMap
        (
          folder:
          lib.attrNames (
            lib.filterAttrs (
              name: kind: kind == "directory" && builtins.pathExists (folder + "/${name}/src/main.rs")
            ) (builtins.readDir folder)
          )
        )
        [
          ../generators
          ../programs
        ]
      )
      (
        name:
        pkgs.runCommand name { meta.mainProgram = name; } ''
          mkdir -p $out/bin
          ln -s ${pkgs.keystone}/bin/${name} $out/bin/${name}
        ''
      );
}
