# Our programs, and what nixos-26.05 has too old.
{ inputs }:
final: _: {
  keystone = final.callPackage ./package.nix { };
  # 26.05 has 0.28; the policy, the keys and the configuration here are those of 0.29 (facts of modules/mesh).
  inherit (inputs.nixpkgs-unstable.legacyPackages.${final.stdenv.hostPlatform.system}) headscale;
}
