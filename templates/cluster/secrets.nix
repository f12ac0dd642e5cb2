# Which keys open which file of secrets/: what `agenix` and `ragenix` read. It is computed from hosts/cluster.toml, by the
# rules of the Keystone that flake.lock pins, so there is nothing to edit here: change the inventory, then run `agenix -r`.
#
# agenix evaluates this file outside the flake, without its inputs; so the pinned Keystone is fetched here, which Nix does
# once. This needs `experimental-features = nix-command flakes` in nix.conf, as `agenix` passes no options to Nix.
let
  lock = builtins.fromJSON (builtins.readFile ./flake.lock);
  pin = lock.nodes.${lock.nodes.root.inputs.keystone}.locked;
  keystone =
    if !builtins.pathExists ./flake.lock then
      throw "secrets.nix: there is no flake.lock; run: nix flake lock"
    else if !(builtins ? fetchTree) then
      throw "secrets.nix: Nix cannot fetch the pinned Keystone; write `experimental-features = nix-command flakes` into nix.conf"
    else
      # `dir` says where the flake lies in what is fetched, and is no argument of fetchTree.
      (builtins.fetchTree (builtins.removeAttrs pin [ "dir" ])).outPath
      + (if pin ? dir then "/${pin.dir}" else "");
in
import "${keystone}/lib/secret-rules.nix" {
  cluster = builtins.fromTOML (builtins.readFile ./hosts/cluster.toml);
}
