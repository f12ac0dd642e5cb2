# docs/reference/options.md: every option of our modules, as Markdown. `keystone.cluster` is left out: it is the
# inventory, and has a page of its own.
{ lib, modules }:
let
  evaluated = lib.evalModules {
    modules = [
      { _module.check = false; }
      modules
    ];
    # Descriptions and defaults are text; nothing here depends on packages.
    specialArgs = {
      pkgs = throw "options-reference: a description depends on pkgs; give the option a defaultText";
      utils = { };
      modulesPath = throw "options-reference: a description depends on modulesPath";
    };
  };

  options = lib.filter (
    option:
    option.visible
    && !option.internal
    && lib.head option.loc == "keystone"
    && lib.take 2 option.loc != [
      "keystone"
      "cluster"
    ]
  ) (lib.optionAttrSetToDocList { inherit (evaluated.options) keystone; });

  areas = lib.groupBy (option: lib.elemAt option.loc 1) options;

  # Default and example are Nix, or prose, or a value that is written as Nix.
  literal =
    value:
    if value._type or "" == "literalMD" then
      " ${lib.trim value.text}"
    else if value ? _type then
      code value.text
    else
      code (lib.generators.toPretty { multiline = false; } value);
  code =
    text:
    if lib.hasInfix "\n" (lib.trim text) then
      "\n\n  ```nix\n${lib.concatMapStrings (line: "  ${line}\n") (lib.splitString "\n" (lib.trim text))}  ```"
    else
      " `${lib.trim text}`";
  prose = text: lib.trim (if lib.isAttrs text then text.text else text);

  entry = option: ''
    ### `${option.name}`

    ${prose option.description}

    - type: ${option.type}${lib.optionalString option.readOnly " (read only)"}
    ${lib.optionalString (option ? default) "- default:${literal option.default}\n"}${lib.optionalString (option ? example) "- example:${literal option.example}\n"}'';

  area = name: list: ''
    ## ${name}

    ${lib.concatMapStringsSep "\n" entry (lib.sort (a: b: a.name < b.name) list)}'';
in
''
  # Options of the modules

  What a host may say in Nix besides the inventory. `keystone.cluster.*` is the inventory itself ([inventory.md](inventory.md)),
  and any value of it can be overridden for one host.

  Rendered from `modules/` by `lib/options-reference.nix`; `UPDATE_GOLDEN=1 checks/eval/run` writes this page anew.

  ${lib.concatStringsSep "\n" (lib.mapAttrsToList area areas)}''
