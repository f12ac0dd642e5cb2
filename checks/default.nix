# Everything that `nix flake check` looks at. Lists come from the folders.
{
  self,
  cluster,
  nodeModules,
  pkgs,
  system,
}:
let
  inherit (pkgs) lib;
  files =
    folder: prefix:
    lib.mapAttrs' (
      name: _:
      lib.nameValuePair "${prefix}-${lib.removeSuffix ".nix" name}" (folder + "/${name}")
    ) (lib.filterAttrs (name: kind: kind == "regular" && lib.hasSuffix ".nix" name) (builtins.readDir folder));
  arguments = {
    inherit
      self
      cluster
      pkgs
      lib
      system
      ;
  };

  vm =
    folder:
    lib.mapAttrs (
      _: file:
      pkgs.testers.runNixOSTest {
        imports = [ file ];
        _module.args = {
          inherit self cluster;
        };
        defaults.imports = nodeModules;
      }
    ) (files folder "vm");
  slow = vm ./vm/slow;
in
lib.optionalAttrs (system == "x86_64-linux") (
  vm ./vm
  // {
    # Behind one check, as their three dozen systems at once are more than a machine of 24 GB evaluates:
    # checks.<system>.vm-slow.tests.vm-cluster.
    vm-slow = pkgs.writeText "vm-slow" (lib.concatLines (lib.attrNames slow)) // {
      tests = slow;
    };
  }
  // import ./eval arguments
  // import ./golden.nix arguments
  // import ./packages.nix arguments
  // import ./rust.nix arguments
)
