# The service table for this node: which ports it serves, on which plane, and which it uses of others.
# services.json is rendered from keystone-model, where the table is defined.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  table = lib.importJSON ./services.json;
  any = roles: lib.any (role: lib.elem role roles) cfg.node.roles;

  ports =
    row:
    if row.setting == null then
      row.ports
    else
      let
        port = lib.getAttrFromPath (lib.splitString "." row.setting) cfg.cluster;
      in
      [
        {
          from = port;
          to = port;
        }
      ];
in
{
  options.keystone.services = mkOption {
    type = types.attrsOf types.raw;
    readOnly = true;
    default = lib.mapAttrs (
      _: row:
      row
      // {
        ports = ports row;
        served = any row.servers;
        used = any row.clients;
      }
    ) table;
    defaultText = lib.literalMD "the service table, docs/reference/services.md";
    description = ''
      Every port that the system itself needs, by name: `proto`, `ports` (a list of `{ from, to }`), `plane`, `servers`,
      `clients`, and for this node `served` and `used`.
    '';
  };
}
