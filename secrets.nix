# Which keys open which file of secrets/: what `agenix -r -i KEY` and ragenix read. It is computed from the inventory, so
# an admin is added or removed in hosts/cluster.toml; `agenix -r` then encrypts everything anew.
import ./lib/secret-rules.nix { cluster = builtins.fromTOML (builtins.readFile ./hosts/cluster.toml); }
