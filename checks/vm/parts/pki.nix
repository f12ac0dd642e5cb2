# Leaf certificates of a test's node, from the throw-away authorities, laid out as the root of trust lays them out:
# /var/lib/keystone/pki/<name>.{crt,key}.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.keystone;
  inherit (cfg) cluster;
  keys = ../../fixtures/identities/authorities;
  roles = cfg.node.roles;
  is = role: lib.elem role roles;
  name = cfg.node.name;
  meshName = cfg.node.meshName;
  # The first address of the service range, by which pods know the API.
  serviceIp = "${lib.concatStringsSep "." (lib.take 3 (lib.splitString "." cluster.kubernetes.serviceCidr))}.1";

  # name -> authority subject names; both usages, as peers of etcd are servers and clients.
  leaf = authority: subject: san: { inherit authority subject san; };
  client = subject: leaf "kubernetes" subject "DNS:${name}";
  leaves =
    lib.optionalAttrs cfg.mesh.relayHost {
      mesh = leaf "node" "/CN=${cfg.mesh.urlHost}" "DNS:${cfg.mesh.urlHost}";
      relay = leaf "node" "/CN=${cfg.mesh.relayName name}" "DNS:${cfg.mesh.relayName name}";
    }
    // lib.optionalAttrs cfg.node.kubernetes {
      kubelet = leaf "kubernetes" "/O=system:nodes/CN=system:node:${name}" "DNS:${name},DNS:${meshName}";
      kube-proxy = client "/CN=system:kube-proxy";
      flannel = client "/CN=flannel-client";
    }
    # Primers ask etcd with it.
    // lib.optionalAttrs (is "control-plane" || is "primer") {
      etcd = leaf "etcd" "/CN=${meshName}" "DNS:${meshName},DNS:localhost,IP:127.0.0.1";
    }
    // lib.optionalAttrs (is "control-plane") {
      apiserver = leaf "kubernetes" "/CN=kube-apiserver" (
        lib.concatStringsSep "," [
          "DNS:${meshName}"
          "DNS:${cluster.kubernetes.apiName}.${cluster.mesh.baseDomain}"
          "DNS:kubernetes"
          "DNS:kubernetes.default"
          "DNS:kubernetes.default.svc"
          "DNS:kubernetes.default.svc.${cluster.kubernetes.clusterDomain}"
          "DNS:localhost"
          "IP:127.0.0.1"
          "IP:${serviceIp}"
        ]
      );
      apiserver-etcd = leaf "etcd" "/CN=kube-apiserver" "DNS:${name}";
      apiserver-kubelet = client "/CN=system:kube-apiserver";
      front-proxy = leaf "front-proxy" "/CN=front-proxy-client" "DNS:${name}";
      controller-manager = leaf "kubernetes" "/CN=system:kube-controller-manager" "DNS:localhost,DNS:${meshName},IP:127.0.0.1";
      scheduler = leaf "kubernetes" "/CN=system:kube-scheduler" "DNS:localhost,DNS:${meshName},IP:127.0.0.1";
      bootstrap = client "/O=system:masters/CN=keystone-bootstrap";
    };
in
{
  config = lib.mkIf (cfg.inventory != null) {
    security.pki.certificateFiles = [
      (cfg.trust + "/root-ca.crt")
    ];
    systemd.services.keystone-pki-fixture = {
      description = "Throw-away certificates of this test";
      wantedBy = [ "sysinit.target" ];
      before = [
        "sysinit.target"
        "basic.target"
      ];
      unitConfig.DefaultDependencies = false;
      after = [ "local-fs.target" ];
      path = [ pkgs.openssl ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        folder=/var/lib/keystone/pki
        [ ! -e $folder/.done ] || exit 0
        mkdir -p $folder && cd $folder
        issue() { # issue NAME AUTHORITY SUBJECT SAN
          openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "$3" -addext "subjectAltName=$4" -out request
          printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=critical,digitalSignature\n' "$4" > extensions
          openssl x509 -req -in request -CA ${cfg.trust}/"$2"-ca.crt -CAkey ${keys}/"$2".key -days 9 -extfile extensions -out "$1.leaf"
          cat "$1.leaf" ${cfg.trust}/"$2"-ca.crt > "$1.crt"
          rm "$1.leaf" request extensions
        }
        ${lib.concatStrings (
          lib.mapAttrsToList (leafName: l: ''
            issue ${leafName} ${l.authority} ${lib.escapeShellArg l.subject} ${lib.escapeShellArg l.san} 2>/dev/null
          '') leaves
        )}
        touch .done
      '';
    };
  };
}
