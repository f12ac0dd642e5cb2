# What a primer approves without a person, and whether it reaches the others by a network.
{
  evalPlain,
  evalHost,
  failed,
  refuses,
  lib,
  ...
}:
let
  host = evalHost { host = "primer-1"; };
  changed =
    primer:
    evalPlain {
      modules = [
        ../samples/primer.nix
        {
          # What NixOS asks of every system and the sample does not say.
          fileSystems."/" = {
            device = "/dev/disk/by-label/root";
            fsType = "ext4";
          };
          boot.loader.grub.device = "nodev";
          system.stateVersion = "26.05";
          networking.hostName = "primer-1";
          keystone = { inherit primer; };
        }
      ];
    };
  settings = config: builtins.fromJSON config.environment.etc."keystone/primer.json".text;
in
{
  "nothing is approved without a person, unless a policy says so" =
    (settings host).policy == null && !(host.environment.etc ? "keystone/primer-policy.json");
  "a policy of attributes is the file that the daemon reads" =
    let
      one = changed { policy.unattendedProfiles = [ "node" ]; };
    in
    {
      got = {
        inherit (settings one) policy;
        file = builtins.fromJSON one.environment.etc."keystone/primer-policy.json".text;
        failed = failed one;
      };
      want = {
        policy = "/etc/keystone/primer-policy.json";
        file = {
          unattendedProfiles = [ "node" ];
          unattendedActs = [ ];
        };
        failed = [ ];
      };
    };
  "a policy that is a file stays where it is" =
    let
      one = changed { policy = "/secure/policy.json"; };
    in
    (settings one).policy == "/secure/policy.json" && !(one.environment.etc ? "keystone/primer-policy.json");
  "no policy lets decryption, rotation or authorities happen without a person" =
    map
      (
        act:
        refuses (changed { policy.unattendedActs = [ act ]; })
          "keystone.primer.policy would let ${act} happen on primer-1 without a person"
      )
      [ "certificate-authorities" "decryption" "rotation" "repair" "refresh" ] == lib.replicate 5 true;
  "a primer that is reached by stick opens no connection" =
    (settings (changed { airGapped = true; })).airGapped && !(settings host).airGapped;
}
