# What checks/conformance/nixos-options/run asks Nix. `lib` is a folder with the library of nixpkgs.
{
  lib,
  options,
  inventory ? null,
  change ? null,
  samples ? null,
}:
let
  library = import lib;
  fromTOML = path: builtins.fromTOML (builtins.readFile path);
  written =
    if change == null then
      fromTOML inventory
    else
      library.recursiveUpdate (fromTOML inventory) (fromTOML change);
  evaluated = library.evalModules {
    modules = [
      options
      { keystone.cluster = written; }
    ];
  };
  declared = library.evalModules { modules = [ options ]; };
  matches = sample: text: builtins.match sample.posix text != null;
in
{
  # The inventory with every option that it leaves out.
  cluster = evaluated.config.keystone.cluster;

  # How many options there are, submodules included, and which of them nixpkgs' manual could not show.
  documented =
    let
      all = library.optionAttrSetToDocList declared.options;
      ours = builtins.filter (option: library.hasPrefix "keystone.cluster" option.name) all;
    in
    {
      count = builtins.length (builtins.filter (option: option.visible && !option.internal) ours);
      undescribed = map (option: option.name) (builtins.filter (option: option.description == null) ours);
    };

  # Texts that Nix judges otherwise than the JSON Schema does.
  misjudged = builtins.concatMap (
    sample:
    map (text: { inherit (sample) pattern; inherit text; }) (
      builtins.filter (text: !matches sample text) sample.matches
      ++ builtins.filter (matches sample) sample.others
    )
  ) (builtins.fromJSON (builtins.readFile samples));
}
