# Settings that break a node in ways that nobody sees at once are refused, each with a message that names the fix. All of
# them are wrong here at the same time. In brackets, where the trap was found.
{
  evalHost,
  failed,
  says,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkForce;
  older = package: version: package // { inherit version; };

  control = failed (evalHost {
    host = "control-1";
    modules = [
      {
        networking = {
          domain = "keystone.internal";
          nftables.flushRuleset = true;
          firewall.trustedInterfaces = [ "tailscale0" ];
        };
        environment.etc.protocols.enable = mkForce false;
        services = {
          resolved.enable = mkForce false;
          headscale = {
            package = mkForce (older pkgs.headscale "0.28.0");
            settings = {
              policy.path = mkForce null;
              derp.server.region = 7;
            };
          };
          kubernetes = {
            addonManager.enable = mkForce true;
            controllerManager.securePort = mkForce 10252;
            scheduler.port = mkForce 10251;
            flannel.openFirewallPorts = mkForce true;
            proxy.hostname = mkForce "control-1.keystone.internal";
            kubelet = {
              hostname = mkForce "other";
              extraOpts = mkForce "--v=2";
              cni.configDir = "/var/lib/cni";
            };
          };
        };
        systemd.services.containerd.serviceConfig.LimitNOFILE = mkForce "infinity";
        boot.zfs.package = mkForce (older pkgs.zfs "2.3.2");
        boot.loader.systemd-boot.enable = mkForce true;
        fileSystems."/etc/age" = {
          device = "rpool/safe/age";
          fsType = "zfs";
        };
        keystone = {
          controlPlane.login.certificateAuthority = ./hosts.nix;
          cluster.identity.login = mkForce null;
          cluster.kubernetes.encryption = "kms";
          cluster.nodes.control-1.labels."node-role.kubernetes.io/control-plane" = "";
          cluster.nodes.control-3.roles = mkForce [ "worker" ];
        };
      }
    ];
  });
  backup = failed (evalHost {
    host = "backup-1";
    modules = [
      {
        networking.firewall.enable = mkForce false;
        keystone = {
          trust = mkForce null;
          boot.secureBoot.enable = false;
          base.autoUpgrade.enable = true;
          cluster.nodes.backup-1.disks.system = mkForce [ "/dev/disk/by-id/only" ];
        };
      }
    ];
  });
  stranger = failed (evalHost {
    host = "worker-1";
    modules = [ { networking.hostName = mkForce "worker-9"; } ];
  });
in
lib.mapAttrs (_: part: says part control) {
  # kubernetes.md 1.5: the module's state folder is /var/lib/kubernetes, and storage drivers look into /var/lib/kubelet.
  "kubelet's root-dir" = "kubelet.extraOpts lost --root-dir=/var/lib/kubelet";
  # kubernetes.md 1.5: preStart of kubelet empties /opt/cni/bin.
  "a network that installs itself into /opt/cni/bin" = "is removed from there at each start of kubelet";
  # kubernetes.md 1.3: the module's defaults are the insecure ports of old.
  "the controller manager on 10252" = "controllerManager.securePort is 10252";
  "the scheduler on 10251" = "scheduler.port is 10251";
  # kubernetes.md 1.3: true by default, on all interfaces.
  "flannel's port outside of the mesh" = "opens 8472/udp outside the mesh";
  # kubernetes.md 1.3: kubelet takes the FQDN, kube-proxy the host's name.
  "kube-proxy by another name than kubelet" = "kube-proxy would find no node of its own";
  "kubelet by another name than its certificate" = "the certificate is for system:node:control-1";
  # kubernetes.md 1.1: bootstrapAddons are applied with easyCerts only.
  "the addon manager" = "roles, easyCerts or addonManager is on";
  # kubernetes.md 1.5, of Rook's prerequisites.
  "a limit of open files for containerd" = "Ceph's monitors lose their quorum";
  "labels that a kubelet may not give itself" = "has the labels node-role.kubernetes.io/control-plane";
  "an even number of control-plane nodes" = "2 nodes have the role control-plane";
  "what is not built yet: KMS" = ''kubernetes.encryption = "kms" (a KMS v2 plugin) is not built yet'';
  "rules of kube-proxy flushed by a switch" = "networking.nftables.flushRuleset is on";
  "a kube-proxy that takes for strange what it wrote" = "has no /etc/protocols";
  # The API server does not start with an authority in which it finds no certificate.
  "an authority of people's issuer that is none" = "has no certificate in PEM";
  "an authority of an issuer that nobody logs in at" = "the inventory has no [identity.login]";
  # mesh.md 1: unknown keys are silently ignored.
  "a key that Headscale does not know" = "Headscale does not know derp.server.region";
  # mesh.md 2: no path, an empty file and null all mean that everybody reaches everything.
  "Headscale without a policy" = "everybody would reach everything";
  # mesh.md 1: the policy's grammar, the tags of keys and the settings are those of 0.29.
  "Headscale 0.28" = "Headscale is 0.28.0";
  # mesh-control-plane.md, trap 2: NixOS puts the FQDN on 127.0.0.2.
  "networking.domain as the mesh's zone" = "would resolve its own mesh name to 127.0.0.2";
  # mesh.md 5: tailscaled would accept everything on its interface, and so would this.
  "the mesh's interface as a trusted one" = "networking.firewall.trustedInterfaces has tailscale0";
  # mesh-control-plane.md, settings.
  "names without resolved" = "services.resolved.enable is off";
  # nixos.md 3 and OpenZFS' notes of 2.3.3.
  "ZFS 2.3.2" = "ZFS is 2.3.2; nodes need at least 2.3.3";
  # pki-and-secrets.md 1.2: agenix runs in the activation, before most file systems.
  "an identity that is mounted too late" = "/etc/age/node.txt lies on /etc/age";
  # nixos.md 3, lanzaboote.
  "two boot loaders" = "boot.loader.systemd-boot.enable is on beside Secure Boot";
}
// lib.mapAttrs (_: part: says part backup) {
  "no host firewall" = "the host firewall is off";
  "no public material" = "keystone.trust is not set";
  "a TPM that opens disks to any system" = "the TPM would open backup-1's disks";
  "upgrades from nowhere" = "needs keystone.base.autoUpgrade.flake";
  "a layout with too few disks" = "the layout raidz2 needs 4";
}
// {
  "a host that the inventory does not have" = says "the inventory has no node `worker-9`" stranger;
}
