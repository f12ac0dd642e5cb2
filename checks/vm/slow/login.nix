# People log in: at an issuer that runs here, by their kubeconfigs, and with the rights of the inventory. Tokens that the
# issuer did not sign for this cluster, or not any more, are refused.
{ lib, pkgs, ... }@args:
let
  inventory = lib.importTOML ../../../hosts/cluster.toml;
  host = import ../parts/host.nix;
  login = {
    # The number of its machine below.
    networking.hosts."192.168.1.3" = [ (lib.removePrefix "https://" inventory.identity.login.issuer) ];
  };
  plugin = pkgs.writeShellScriptBin "kubectl-oidc_login" (builtins.readFile ../parts/kubelogin.sh);
  alone = name: {
    imports = [
      (host name)
      ../parts/one-control-plane.nix
      login
    ];
    keystone.worker.enable = lib.mkForce false;
    keystone.controlPlane.login.certificateAuthority = ../../fixtures/identities/login/ca.crt;
  };
in
{
  name = "login";
  nodes = {
    control1 = alone "control-1";
    laptop1 = {
      imports = [
        ../parts/laptop.nix
        login
      ];
      security.pki.certificateFiles = [ ../../fixtures/identities/login/ca.crt ];
      environment.systemPackages = [
        pkgs.jq
        pkgs.kubectl
      ];
    };
    login1.imports = [ ../parts/issuer.nix ];
    primer1 = alone "primer-1";
  };
  testScript = { nodes, ... }: ''
    ${import ../parts/enrol.nix args}
    TRUST = "${../../../hosts/trust}"
    RENDERED = "${nodes.control1.keystone.rendered}"
    ISSUER = "${inventory.identity.login.issuer}"
    PLUGIN = "${plugin}/bin"
    CLIENT = "${inventory.identity.login.clientId}"
    ISSUER_CA = "${../../fixtures/identities/login/ca.crt}"
    PEOPLE = json.loads('${builtins.toJSON inventory.people}')
    GROUPS = json.loads('${builtins.toJSON inventory.groups}')
  ''
  + builtins.readFile ../parts/rights.py
  + builtins.readFile ../parts/login.py;
}
