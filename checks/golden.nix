# What Nix builds of the reference cluster is, byte by byte, what lies in checks/golden, and so what
# `keystone-cluster render` writes (tests of keystone-cluster compare these two).
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
}
