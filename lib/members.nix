# `members cluster NAME`: the names of a group's people and of those of the groups that it includes, as keystone-model
# has them. `admins` is everyone with `admin = true`.
{ lib }:
cluster: group:
let
  inherit (cluster) groups people;
  closure = builtins.genericClosure {
    startSet = [ { key = group; } ];
    operator = item: map (key: { inherit key; }) (groups.${item.key}.includes or [ ]);
  };
  names = map (item: item.key) closure;
in
lib.attrNames (
  lib.filterAttrs (
    _: person: (person.admin && lib.elem "admins" names) || lib.any (name: lib.elem name names) person.groups
  ) people
)
