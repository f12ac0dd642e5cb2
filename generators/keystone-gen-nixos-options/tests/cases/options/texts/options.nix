# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.
{ lib, ... }:
{
  options.keystone.cluster = {
    quotes = lib.mkOption {
      type = lib.types.str;
      description = ''
        Two quotes ''' and three '''' and one before an interpolation ''\'''${x} or '''''${x}.
      '';
    };

    dollars = lib.mkOption {
      type = lib.types.str;
      description = ''
        `''${HOME}` and `$''${HOME}` and $HOME and a "quoted" \ backslash.
      '';
    };

    long = lib.mkOption {
      type = lib.types.str;
      description = ''
        A sentence that is longer than a line of Nix may be, with a dash - which must not start a
        line, as it would be a list, and so on.
      '';
    };

    paragraphs = lib.mkOption {
      type = lib.types.str;
      description = ''
        First paragraph in two lines.

        Second one:

        - a
        - b, which is so long that it does not fit on a single line of a hundred columns and goes on

        ```
        keep   this
        ```
      '';
    };
  };
}
