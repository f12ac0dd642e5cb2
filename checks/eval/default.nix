# What the modules promise, looked at without building anything: each file of cases/ is the check eval-<name>.
#
# A case is a function of what stands in `arguments` below, from which it takes what it needs (and `...`), to statements:
#
#   { evalHost, failed, ... }:
#   let control = evalHost { host = "control-1"; }; in
#   {
#     "etcd runs on the control plane" = control.services.etcd.enable;
#     "it listens for clients on 2379" = { got = control.…; want = [ 2379 ]; };
#   }
#
# A statement is true, or it is in the error of the check, together with all other false ones, and with what was found
# where it says what it wants. Nothing is built, so `nix flake check --no-build` fails as well.
{
  self,
  cluster,
  pkgs,
  lib,
  system,
  ...
}:
let
  arguments = {
    inherit
      self
      cluster
      pkgs
      lib
      system
      ;

    # The configuration of a host of the reference cluster, with modules of the case on top.
    evalHost =
      {
        host,
        modules ? [ ],
      }:
      let
        plain = self.nixosConfigurations.${host};
      in
      (if modules == [ ] then plain else plain.extendModules { inherit modules; }).config;

    # The configuration of a system that has nothing but nixosModules.default.
    evalPlain =
      {
        modules ? [ ],
      }:
      (self.inputs.nixpkgs.lib.nixosSystem {
        modules = [
          self.nixosModules.default
          {
            nixpkgs.hostPlatform = system;
            nixpkgs.overlays = [ self.overlays.default ];
          }
        ]
        ++ modules;
      }).config;

    # Messages of assertions that do not hold; with one of them NixOS refuses to build the system.
    failed =
      config: map (one: one.message) (lib.filter (one: !one.assertion) config.assertions);
    # Whether an assertion with this in its message does not hold.
    refuses =
      config: part: lib.any (one: !one.assertion && lib.hasInfix part one.message) config.assertions;
    # Whether one of the texts (assertions or warnings) has this in it.
    says = part: lib.any (lib.hasInfix part);
  };

  holds = statement: if lib.isBool statement then statement else statement.got == statement.want;
  show =
    name: statement:
    if lib.isBool statement then
      "  ${name}"
    else
      "  ${name}\n    wanted: ${lib.generators.toPretty { multiline = false; } statement.want}\n    found:  ${
        lib.generators.toPretty { multiline = false; } statement.got
      }";

  check =
    name: statements:
    let
      tried = lib.mapAttrs (_: statement: builtins.tryEval (holds statement)) statements;
      broken = lib.attrNames (lib.filterAttrs (_: one: !one.success) tried);
      wrong = lib.attrNames (lib.filterAttrs (_: one: one.success && !one.value) tried);
      # Whose own error says more than its name.
      first = lib.head broken;
    in
    if wrong != [ ] then
      throw "eval-${name}: ${toString (lib.length wrong)} of ${toString (lib.length (lib.attrNames statements))} statements do not hold (checks/eval/cases/${name}.nix):\n${
        lib.concatStringsSep "\n" (
          map (one: show one statements.${one}) wrong ++ map (one: "  ${one}\n    does not evaluate") broken
        )
      }\n"
    else if broken != [ ] then
      builtins.addErrorContext "eval-${name}: while looking at «${first}» (checks/eval/cases/${name}.nix)" (
        builtins.seq (holds statements.${first}) (throw "unreachable")
      )
    else
      pkgs.writeText "eval-${name}" (lib.concatMapStrings (one: "${one}\n") (lib.attrNames statements));
in
lib.mapAttrs' (
  file: _:
  let
    name = lib.removeSuffix ".nix" file;
  in
  lib.nameValuePair "eval-${name}" (check name (import (./cases + "/${file}") arguments))
) (lib.filterAttrs (file: _: lib.hasSuffix ".nix" file) (builtins.readDir ./cases))
