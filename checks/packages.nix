# Every program and generator: it is there, starts, and explains itself.
{
  self,
  pkgs,
  lib,
  system,
  ...
}:
lib.mapAttrs' (
  name: package:
  lib.nameValuePair "package-${name}" (
    pkgs.runCommand "package-${name}" { } ''
      ${lib.getExe' package name} --version | grep -F ${lib.escapeShellArg name}
      ${lib.getExe' package name} --help > $out
    ''
  )
) (removeAttrs self.packages.${system} [ "default" "rendered" ])
