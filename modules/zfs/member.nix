# What a disk gives to a pool, for `content` of disko: the whole of it, inside LUKS where the machine's TPM opens disks.
{
  # Name of the opened device.
  name,
  pool,
  encrypted,
  # Whether the system cannot start without it.
  system,
}:
let
  member = {
    type = "zfs";
    inherit pool;
  };
in
if encrypted then
  {
    type = "luks";
    inherit name;
    initrdUnlock = system;
    settings.crypttabExtraOpts = [
      "tpm2-device=auto"
      "tpm2-measure-pcr=yes"
    ];
    content = member;
  }
else
  member
