# The options, the tables and the schema are what keystone-model renders: the golden files, byte by byte.
{ lib, ... }:
let
  golden = ../../golden/nix;
  ours = ../../../modules/cluster;
  below =
    folder:
    map (lib.removePrefix "${toString folder}/") (map toString (lib.filesystem.listFilesRecursive folder));
  same = a: b: builtins.readFile a == builtins.readFile b;
in
lib.listToAttrs (
  map (
    file:
    lib.nameValuePair "modules/cluster/${file} is rendered" (
      builtins.pathExists (ours + "/${file}") && same (golden + "/${file}") (ours + "/${file}")
    )
  ) (below golden)
)
// {
  "modules/cluster/options has nothing else" = {
    got = below (ours + "/options");
    want = below (golden + "/options");
  };
  "the schema of the inventory is rendered" =
    same ../../golden/inventory.schema.json ../../../generators/keystone-model/schema.json;
}
