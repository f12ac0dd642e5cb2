# Images that a node must have before it reaches a registry, and that therefore come from its own system: `pause`, which
# NixOS' kubelet module seeds, and CoreDNS.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.keystone;
  # The same name whatever the version: nodes are upgraded one after another, and a pod takes what its node has.
  name = "keystone.systems/coredns";
  tag = "node";
in
{
  options.keystone.worker.images.coredns = {
    reference = mkOption {
      type = types.str;
      readOnly = true;
      default = "${name}:${tag}";
      description = "Name of the image of CoreDNS on every node.";
    };
    archive = mkOption {
      type = types.package;
      default = pkgs.dockerTools.buildImage {
        inherit name tag;
        copyToRoot = pkgs.buildEnv {
          name = "coredns-root";
          paths = [ pkgs.coredns ];
          pathsToLink = [ "/bin" ];
        };
        config.Entrypoint = [ "/bin/coredns" ];
      };
      defaultText = lib.literalMD "an image of `pkgs.coredns`";
      description = "Archive with that image, as `docker save` writes it.";
    };
  };

  config = lib.mkIf cfg.worker.enable {
    services.kubernetes.kubelet.seedDockerImages = [ cfg.worker.images.coredns.archive ];
  };
}
