# Certificates of the coordinator and the relays from a public authority.
{
  evalHost,
  refuses,
  lib,
  ...
}:
let
  acme = {
    keystone.cluster.mesh.tls = {
      mode = lib.mkForce "acme";
      email = "ops@keystone.example";
    };
  };
  dns = {
    keystone.mesh.acme = {
      dnsProvider = "hetzner";
      environmentFile = "/run/agenix/acme-dns";
    };
  };
  primer = evalHost {
    host = "primer-1";
    modules = [
      acme
      dns
    ];
  };
  # A standby: the name does not point to it yet.
  standby = evalHost {
    host = "control-2";
    modules = [
      acme
      dns
    ];
  };
  worker = evalHost {
    host = "worker-1";
    modules = [ acme ];
  };
  wrong = evalHost {
    host = "primer-1";
    modules = [ acme ];
  };
  directory = config: config.security.acme.certs.${config.keystone.mesh.urlHost}.directory;
  names = config: [
    config.keystone.mesh.urlHost
    (config.keystone.mesh.relayName config.keystone.node.name)
  ];
in
{
  "the coordinator asks for its own name and its relay's" = {
    got = lib.sort lib.lessThan (lib.attrNames primer.security.acme.certs);
    want = lib.sort lib.lessThan (names primer);
  };
  "and so does a standby, before the name points to it" = {
    got = lib.sort lib.lessThan (lib.attrNames standby.security.acme.certs);
    want = lib.sort lib.lessThan (names standby);
  };
  "challenges are answered by DNS" = lib.all (
    cert: cert.dnsProvider == "hetzner" && cert.environmentFile == "/run/agenix/acme-dns" && cert.webroot == null
  ) (lib.attrValues primer.security.acme.certs);
  "Headscale serves what was issued" =
    lib.elem "tls.crt:${directory primer}/fullchain.pem" primer.systemd.services.headscale.serviceConfig.LoadCredential;
  "and starts again when it is renewed" = {
    got = primer.systemd.paths.keystone-coordinator-certificate.pathConfig.PathChanged;
    want = "${directory primer}/fullchain.pem";
  };
  "a node that is no relay asks for nothing" = worker.security.acme.certs == { };
  "without DNS it is refused, with the options to set" =
    refuses wrong "Set keystone.mesh.acme.dnsProvider and keystone.mesh.acme.environmentFile";
}
