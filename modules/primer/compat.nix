# The names that the specification of primers uses.
{ lib, ... }:
let
  alias =
    path: lib.mkAliasOptionModule ([ "services" "keystone-primer" ] ++ path) ([ "keystone" "primer" ] ++ path);
in
{
  imports = map alias [
    [ "enable" ]
    [ "role" ]
    [
      "cluster"
      "name"
    ]
    [
      "cluster"
      "peers"
    ]
    [
      "security"
      "keyStorage"
    ]
    [
      "security"
      "quorumSize"
    ]
    [
      "bootstrap"
      "autoInitialize"
    ]
    [
      "bootstrap"
      "backupKeyPath"
    ]
  ];
}
