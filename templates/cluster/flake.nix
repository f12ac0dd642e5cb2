{
  description = "A cluster of Keystone";

  # Where Keystone comes from: your mirror of it, or a checkout (`git+file:///srv/keystone`). `nix flake lock` pins it,
  # and with it everything that it brings along; secrets.nix reads the pin.
  inputs.keystone.url = "git+https://keystone.example/keystone";

  outputs =
    { keystone, ... }:
    let
      # Reads hosts/cluster.toml, hosts/trust, hosts/<host>/default.nix and secrets/.
      cluster = keystone.lib.mkCluster { root = ./.; };
    in
    {
      # nixos-rebuild switch --flake .#worker-1 --target-host root@worker-1.<baseDomain>
      # deploy .#worker-1
      inherit (cluster) nixosConfigurations deploy;

      # nix develop: keystone-cluster, agenix, age, deploy, kubectl
      inherit (keystone) devShells formatter;
    };
}
