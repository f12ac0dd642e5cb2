# Everything that the inventory describes, rendered in one derivation. Evaluation never waits for it: modules only name
# files in it.
{
  pkgs,
  keystone,
  cluster,
  trust,
}:
pkgs.runCommand "keystone-rendered"
  {
    nativeBuildInputs = [ keystone ];
    inventory = builtins.toJSON cluster;
    passAsFile = [ "inventory" ];
  }
  ''
    cp "$inventoryPath" inventory.json
    # The result is swapped in as a whole beside its target, where a build may not write; so it is copied.
    ${keystone}/bin/keystone-cluster render inventory.json --trust ${trust} --out rendered
    cp -r rendered $out
  ''
