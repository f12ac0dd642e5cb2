# What Nix builds of the reference cluster is, byte by byte, what lies in checks/golden, and so what
# `keystone-cluster render` writes (tests of keystone-cluster compare these two). And its secrets are those of which their
# signed lock tells.
{
  self,
  pkgs,
  system,
  ...
}:
{
  golden-rendered = pkgs.runCommand "golden-rendered" { } ''
    diff --recursive ${./golden} ${self.packages.${system}.rendered}
    # NAR hashes, as MANIFEST.json has them, know of one thing more.
    programs=$(find ${self.packages.${system}.rendered} -type f -perm -u+x)
    if [ -n "$programs" ]; then
      echo "executable, and should not be: $programs" >&2
      exit 1
    fi
    touch $out
  '';

  # Without history the inventory beside the lock says who may sign; in a clone, `verify` asks the one before it.
  golden-secrets = pkgs.runCommand "golden-secrets" { } ''
    mkdir tree
    ln -s ${../hosts} tree/hosts
    ln -s ${../secrets} tree/secrets
    ${self.packages.${system}.keystone-cluster}/bin/keystone-cluster secrets verify \
      --root tree --rules inventory --require-signed > verdict || { cat verdict >&2; exit 1; }
    mv verdict $out
  '';
}
