# What a node of Kubernetes must do differently inside a container, and nothing else: the machine's cgroup v2 may have no
# controllers, there is no overlay within the overlay, and kernel settings belong to the machine.
{ lib, pkgs, ... }:
let
  # An archive as `docker save` writes it, of one layer, made without a daemon.
  image =
    {
      name,
      command,
      root,
    }:
    let
      config = builtins.toJSON {
        architecture = if pkgs.stdenv.hostPlatform.isAarch64 then "arm64" else "amd64";
        os = "linux";
        config = {
          Env = [ "PATH=/bin" ];
        }
        // command;
        rootfs = {
          type = "layers";
          diff_ids = [ "sha256:LAYER" ];
        };
      };
      manifest = builtins.toJSON [
        {
          Config = "config.json";
          RepoTags = [ name ];
          Layers = [ "layer.tar" ];
        }
      ];
    in
    pkgs.runCommand "image.tar" { } ''
      mkdir -p root/bin root/etc root/tmp
      ${root}
      tar --sort=name --mtime=@1 --owner=0 --group=0 -C root -cf layer.tar .
      layer=$(sha256sum < layer.tar | cut -d' ' -f1)
      sed "s/LAYER/$layer/" ${pkgs.writeText "config.json" config} > config.json
      cp ${pkgs.writeText "manifest.json" manifest} manifest.json
      tar --mtime=@1 -cf $out manifest.json config.json layer.tar
    '';
  busybox = image {
    name = "keystone.systems/busybox:test";
    # Also the pause container's, when no pod says otherwise.
    command.Cmd = [
      "/bin/sleep"
      "2147483647"
    ];
    root = ''
      cp -L ${(pkgs.pkgsStatic or pkgs).busybox}/bin/busybox root/bin/busybox
      for name in sh sleep nc wget cat echo ip hostname nslookup httpd ping; do ln -s busybox root/bin/$name; done
    '';
  };
  coredns = image {
    name = "keystone.systems/coredns:node";
    command.Entrypoint = [ "/bin/coredns" ];
    root = "cp -L ${pkgs.coredns}/bin/coredns root/bin/coredns";
  };
  # The daemon under the name that it has in nixpkgs, where the CNI plugin of the same name is another package.
  flannel = pkgs.runCommand "flannel" { } ''
    mkdir -p $out/bin
    program=${pkgs.flannel}/bin/flanneld
    [ -e $program ] || program=${pkgs.flannel}/bin/flannel
    ln -s $program $out/bin/flannel
  '';
  # And the plugin, which lies beside it here.
  cniFlannel = pkgs.runCommand "cni-flannel" { } ''
    mkdir -p $out/bin
    program=${pkgs.flannel}/bin/flannel
    [ -e ${pkgs.flannel}/bin/flanneld ] || program=${pkgs.cni-plugin-flannel}/bin/flannel
    ln -s $program $out/bin/flannel
  '';
  # Where packages are stand-ins, all have the same programs.
  kubeRouter =
    pkgs.kube-router or (pkgs.runCommand "kube-router" { } ''
      mkdir -p $out/bin
      ln -s ${pkgs.flannel}/bin/kube-router $out/bin/kube-router
    '');
in
{
  services.flannel.package = flannel;
  keystone.worker.networkPolicyPackage = kubeRouter;
  services.kubernetes.kubelet.cni.packages = [ cniFlannel ];
  keystone.worker.images.coredns.archive = coredns;
  services.kubernetes.kubelet = {
    # Instead of `pause`, which nothing here can build.
    seedDockerImages = lib.mkForce [
      busybox
      coredns
    ];
    extraConfig = {
      cgroupsPerQOS = false;
      enforceNodeAllocatable = [ ];
      cgroupDriver = "cgroupfs";
      localStorageCapacityIsolation = false;
      failCgroupV1 = false;
    };
  };
  services.kubernetes.proxy.extraOpts = "--conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0";
  virtualisation.containerd.settings.plugins."io.containerd.grpc.v1.cri" = {
    disable_cgroup = true;
    restrict_oom_score_adj = true;
    disable_apparmor = true;
    sandbox_image = lib.mkForce "keystone.systems/busybox:test";
    containerd = {
      snapshotter = "native";
      runtimes.runc.options.SystemdCgroup = lib.mkForce false;
    };
  };
}
