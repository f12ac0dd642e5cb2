# Joins the mesh with whatever key there is. Environment: see join.nix.
read -r secret dropped <<<"$KEYSTONE_JOIN_KEYS"

# Registered for good: a client also has a key of its own while it only tries, and a coordinator may be out of reach now.
mark=/var/lib/keystone/mesh/joined
joined() {
  local is='.HaveNodeKey and ($mark or .BackendState == "Running")'
  tailscale status --json 2>/dev/null | jq -e --argjson mark "$([ -e "$mark" ] && echo true || echo false)" "$is" >/dev/null
}

# What the client says went wrong: a key that is spent or expired, or a coordinator that does not answer.
because() { tailscale status --json 2>/dev/null | jq -r '.Health // [] | join("; ")'; }
report() {
  echo "not joined with the key in $1; keys open one door once, and only for a while. The client says: $(because)" >&2
}
# Which keys there are, so that another one is noticed.
keys() { stat --format '%n %i %Y' "$secret" "$dropped" 2>/dev/null || true; }

# up KEY_FILE NAME_OF_IT. The flags are all there are: what `tailscale up` is not told stays at its default.
# Tags come with the key; asking for tags as well is refused by Headscale.
#
# It has no time limit. Where nobody answers, the client goes on by itself, and a second attempt would cut off the first: if the
# coordinator had just taken the key, its answer would be lost, and the key, which is good once, with it. A key that is
# refused ends it at once.
up() {
  local attempt began
  began=$(keys)
  tailscale up --login-server "$KEYSTONE_MESH_URL" --hostname "$KEYSTONE_NODE" --accept-dns=true \
    --netfilter-mode=off --auth-key "file:$1" &
  attempt=$!
  until timeout "$patience" tail --pid="$attempt" --sleep-interval 0.2 --follow /dev/null; do
    report "$2"
    patience=60
    if [ "$(keys)" != "$began" ]; then
      kill "$attempt"
      break
    fi
  done
  wait "$attempt" && touch "$mark"
}
# Seconds until it is said that nobody answers, and then again.
patience=20

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
  up <(printf %s "$key") "what it made itself"
  exit 0
fi

while true; do
  if [ -s "$secret" ]; then
    up "$secret" "$secret" && exit 0
    report "$secret"
  fi
  if [ -s "$dropped" ]; then
    if key=$(age --decrypt --identity "$KEYSTONE_IDENTITY" "$dropped") && up <(printf %s "$key") "$dropped"; then
      rm -f "$dropped"
      exit 0
    fi
    report "$dropped"
  fi
  say="waiting for a join key; an admin makes one with: keystone-cluster mesh enroll $KEYSTONE_NODE"
  echo "$say"
  systemd-notify --status="$say" || true
  if [ -s "$secret" ] || [ -s "$dropped" ]; then exit 1; fi # tried in vain: again in a moment
  inotifywait --quiet --quiet --event close_write,moved_to "$(dirname "$dropped")"
done
