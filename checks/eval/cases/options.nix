# The page that lists the modules' options is what the modules say.
{ self, lib, ... }:
{
  "docs/reference/options.md is up to date; UPDATE_GOLDEN=1 checks/eval/run writes it anew" =
    self.lib.optionsReference == builtins.readFile ../../../docs/reference/options.md;
}
