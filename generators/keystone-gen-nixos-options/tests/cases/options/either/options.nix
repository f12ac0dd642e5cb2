# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    two = lib.mkOption {
      type = lib.types.either lib.types.bool lib.types.str;
      default = false;
      description = "Either.";
    };

    three = lib.mkOption {
      type = lib.types.listOf (
        lib.types.nullOr (
          lib.types.oneOf [
            (lib.types.ints.between 1 65535)
            (lib.types.strMatching "[0-9]+-[0-9]+")
            (lib.types.strMatching "[a-z]+")
          ]
        )
      );
      default = [
        "http"
        80
      ];
      example = [ 443 ];
      description = "One of three.";
    };
  };
}
