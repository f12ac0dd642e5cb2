# Joins the mesh with whatever key there is. Environment: see join.nix.
read -r secret dropped <<<"$KEYSTONE_JOIN_KEYS"

# Registered for good: a client also has a key of its own while it only tries, and a coordinator may be out of reach now.
mark=/var/lib/keystone/mesh/joined
joined() {
  local is='.HaveNodeKey and ($mark or .BackendState == "Running")'
  tailscale status --json 2>/dev/null | jq -e --argjson mark "$([ -e "$mark" ] && echo true || echo false)" "$is" >/dev/null
}

# The flags are all there are: what `tailscale up` is not told stays at its default.
# Tags come with the key; asking for tags as well is refused by Headscale.
up() {
  tailscale up --login-server "$KEYSTONE_MESH_URL" --hostname "$KEYSTONE_NODE" --accept-dns=true \
    --netfilter-mode=off --timeout 60s --auth-key "file:$1" &&
    touch "$mark"
}

# What the client says went wrong: a key that is spent or expired, or a coordinator that does not answer.
because() { tailscale status --json 2>/dev/null | jq -r '.Health // [] | join("; ")'; }

until tailscale status --json >/dev/null 2>&1; do sleep 0.2; done

if joined; then
  echo "this node has joined before"
  touch "$mark"
  # What may have changed since, without a login.
  tailscale set --netfilter-mode=off --accept-dns=true --hostname "$KEYSTONE_NODE"
  exit 0
fi

if [ -n "$KEYSTONE_COORDINATOR_LEASE" ] && [ -e "$KEYSTONE_COORDINATOR_LEASE" ]; then
  echo "this node is the coordinator: making a key of its own"
  key=$(headscale preauthkeys create --tags "$KEYSTONE_MESH_TAGS" --expiration 10m --output json | jq -er .key)
  up <(printf %s "$key")
  exit 0
fi

while true; do
  if [ -s "$secret" ]; then
    up "$secret" && exit 0
    echo "not joined with the key in $secret; keys open one door once, and only for a while. The client says: $(because)" >&2
  fi
  if [ -s "$dropped" ]; then
    if key=$(age --decrypt --identity "$KEYSTONE_IDENTITY" "$dropped") && up <(printf %s "$key"); then
      rm -f "$dropped"
      exit 0
    fi
    echo "not joined with the key in $dropped; keys open one door once, and only for a while. The client says: $(because)" >&2
  fi
  say="waiting for a join key; an admin makes one with: keystone-cluster mesh enroll $KEYSTONE_NODE"
  echo "$say"
  systemd-notify --status="$say" || true
  if [ -s "$secret" ] || [ -s "$dropped" ]; then exit 1; fi # tried in vain: again in a moment
  inotifywait --quiet --quiet --event close_write,moved_to "$(dirname "$dropped")"
done
