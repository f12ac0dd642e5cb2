# Which keys open which secret, from the inventory: what secrets.nix of agenix and ragenix is.
# Plain Nix without nixpkgs, as `agenix -r` evaluates it by itself.
{
  # The inventory, read.
  cluster,
  # Folder of the encrypted files, relative to where agenix runs.
  folder ? "secrets",
  # Further secrets, and the roles that read them: { cloudflare-tunnel.readers = [ "ingress" ]; }
  extra ? { },
}:
let
  table = builtins.fromJSON (builtins.readFile ../modules/cluster/secrets.json) // extra;
  names = builtins.attrNames;
  has = list: x: builtins.elem x list;

  # age encrypts to X25519 recipients, ssh-ed25519 and ssh-rsa, and to nothing else that an inventory may hold
  # (ecdsa and security keys cannot decrypt; https://github.com/FiloSottile/age, doc of ssh keys).
  usable = key: builtins.match "(age1|ssh-ed25519 |ssh-rsa ).*" key != null;
  unique = builtins.foldl' (seen: x: if has seen x then seen else seen ++ [ x ]) [ ];

  people = cluster.people or { };
  admins = builtins.filter (name: people.${name}.admin or false) (names people);
  # Anyone with an age key is written to by that alone: every key of theirs is one more that can be lost.
  keysOf =
    person:
    let
      age = builtins.filter usable (person.ageKeys or [ ]);
    in
    if age != [ ] then age else builtins.filter usable (person.sshKeys or [ ]);
  adminKeys = builtins.concatMap (name: keysOf people.${name}) admins;

  nodesWith =
    roles:
    builtins.filter (
      name: builtins.any (has roles) cluster.nodes.${name}.roles
    ) (names cluster.nodes);
  nodeKeys = map (name: cluster.nodes.${name}.ageKey);

  rule = nodes: { publicKeys = unique (nodeKeys nodes ++ adminKeys); };
  # Keys of intermediates: whoever opens one issues below it. With "control-plane+quorum" no admin does, and no primer alone.
  controlPlane = unique (nodeKeys (nodesWith [ "control-plane" ]));
  trust = cluster.secrets or { };
  quorum = if trust ? quorumRecipient then [ trust.quorumRecipient ] else [ ];
  authority =
    if (trust.caRecipients or "specification") == "control-plane+quorum" then
      { publicKeys = unique (controlPlane ++ quorum); }
    else
      rule (nodesWith [
        "primer"
        "control-plane"
      ]);
  file = name: "${folder}/${name}.age";
  # { <file of x> = <rule of x>; } for each of them.
  each =
    list: name: ruleOf:
    builtins.listToAttrs (
      map (x: {
        name = file (name x);
        value = ruleOf x;
      }) list
    );
  same = name: name;
  nodes = names cluster.nodes;

  listed = each (names table) same (
    name: if name == "k8s-ca-key" then authority else rule (nodesWith ([ "primer" ] ++ table.${name}.readers))
  );
  # The key with which a host joins the mesh, for that host and the admins; it exists once
  # `keystone-cluster mesh enroll HOST` made it, and agenix passes over files that are not there.
  joins = each nodes (name: "mesh-join-${name}") (name: rule [ name ]);
  # What `keystone-primer generate-credentials` makes: certificates of hosts and people, keys of intermediates.
  hosts = each nodes (name: "pki-${name}") (name: rule [ name ]);
  authorities = each [
    "etcd-ca-key"
    "front-proxy-ca-key"
    "node-ca-key"
  ] same (_: authority);
  # What `keystone-cluster secrets` knows of values without showing them; it exists once that made it.
  commitments.${file "secret-commitments"} = rule (nodesWith [ "primer" ]);
  # Intermediates that were signed in advance: for the hosts that will use them, and nobody else.
  successors = each [
    "etcd-ca-successors"
    "front-proxy-ca-successors"
    "k8s-ca-successors"
    "node-ca-successors"
  ] same (_: { publicKeys = controlPlane; });
  # A person's own: no admin can pass for somebody else.
  own = each (builtins.filter (name: keysOf people.${name} != [ ]) (names people)) (name: "person-${name}") (
    name: { publicKeys = unique (keysOf people.${name}); }
  );
in
listed // joins // hosts // authorities // commitments // successors // own
