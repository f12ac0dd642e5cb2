# Every host of the reference cluster is a system that NixOS would build.
{
  evalHost,
  failed,
  cluster,
  lib,
  ...
}:
let
  hosts = lib.mapAttrs (host: _: evalHost { inherit host; }) cluster.inventory.nodes;
in
lib.mapAttrs' (
  host: config:
  lib.nameValuePair "${host}: no assertion fails" {
    got = failed config;
    want = [ ];
  }
) hosts
