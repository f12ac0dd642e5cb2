# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    anchored = lib.mkOption {
      type = lib.types.strMatching "[a-z]+";
      description = "Both ends.";
    };

    open = lib.mkOption {
      type = lib.types.strMatching "ssh-.*";
      description = "No end.";
    };

    free = lib.mkOption {
      type = lib.types.strMatching ".*(a|b).*";
      description = "Anywhere.";
    };

    classes = lib.mkOption {
      type = lib.types.strMatching "[0-9]{2}[A-Za-z0-9_]?[]0-9.x-]+(a|\\.)/";
      description = "Classes that POSIX writes otherwise.";
    };

    caret = lib.mkOption {
      type = lib.types.strMatching "\\^[]a[^-]";
      description = "A caret and brackets in a class.";
    };

    wide = lib.mkOption {
      type = lib.types.strMatching "[^\n\r]+[^/]*";
      description = "Any character but line breaks, and any but a slash.";
    };

    backslash = lib.mkOption {
      type = lib.types.strMatching "\"\\\\\t\\$\\{a}";
      description = "Characters that strings of Nix escape.";
    };

    filled = lib.mkOption {
      type = lib.types.strMatching ".+";
      description = "At least a character.";
    };
  };
}
