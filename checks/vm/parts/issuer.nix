# A machine outside the cluster where people log in: dex at `identity.login.issuer`, and on another port an issuer of the
# same make that is not ours. Each keeps its keys in a database, from which the test takes them to sign what no issuer should.
{ lib, pkgs, ... }:
let
  inventory = lib.importTOML ../../../hosts/cluster.toml;
  inherit (inventory.identity) login;
  fixtures = ../../fixtures/identities/login;
  issuer = name: url: port: {
    description = "Issuer of people's tokens at ${url}";
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    serviceConfig = {
      ExecStart = "${pkgs.dex-oidc}/bin/dex serve ${
        pkgs.writeText "${name}.json" (
          builtins.toJSON {
            issuer = url;
            storage = {
              type = "sqlite3";
              config.file = "/var/lib/${name}/dex.db";
            };
            web = {
              https = "0.0.0.0:${toString port}";
              tlsCert = "${fixtures}/server.crt";
              tlsKey = "${fixtures}/server.key";
            };
            oauth2 = {
              skipApprovalScreen = true;
              passwordConnector = "local";
            };
            # `throw-away`, for everybody. Passwords carry no groups in this version of dex.
            enablePasswordDB = true;
            staticPasswords = lib.mapAttrsToList (person: value: {
              inherit (value) email;
              username = person;
              userID = person;
              hash = "$2b$10$keystoneloginfixturesO461L5RieLvmxolix79.TmnitRY6A926";
            }) inventory.people;
            # A proxy that has asked who it is says so in headers, groups included. In the test the browser is the proxy.
            connectors = [
              {
                type = "authproxy";
                id = "proxy";
                name = "proxy";
              }
            ];
            staticClients =
              map
                (id: {
                  inherit id;
                  name = id;
                  public = true;
                  redirectURIs = [ "http://localhost:8000" ];
                })
                [
                  login.clientId
                  "grafana"
                ];
          }
        )
      }";
      StateDirectory = name;
      DynamicUser = true;
      AmbientCapabilities = "CAP_NET_BIND_SERVICE";
      Restart = "on-failure";
    };
  };
in
{
  networking.firewall.allowedTCPPorts = [
    443
    8443
  ];
  environment.systemPackages = [ pkgs.sqlite ];
  systemd.services.dex = issuer "dex" login.issuer 443;
  systemd.services.dex-other = issuer "dex-other" "${login.issuer}:8443" 8443;
}
