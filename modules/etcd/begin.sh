# Decides how a member without data begins. Environment: what the unit gives etcd; $others are the other members' addresses,
# $founder says that this node is one with which a cluster begins, $primer that it is one that leaves it some day; marks are
# $began, that it was a member once, $ended, that it ended by itself, and $left, that it left; $state_file is what etcd reads
# besides.
#
# "new" is for the day on which the cluster begins, and for no other: a member that lost what it had acknowledged and came
# back under its old number could make a quorum forget it. So one that was added again begins as "existing", and one that
# nobody added does not begin.
refuse() {
  echo "etcd has no data here and does not begin: $1" >&2
  exit 1
}
replace="docs/how-to/replace-a-member.md"
leave() {
  touch "$left"
  echo "the control plane has taken over from this primer" >&2
  exit 1
}
# Sets $listed to the members as the others know them, or to nothing where nobody answers; and $known to what this one is to
# them, by its URL: one that was added has no name before it starts.
ask() {
  listed=$(etcdctl --endpoints "$others" --command-timeout 3s --dial-timeout 2s \
    --cacert "$ETCD_TRUSTED_CA_FILE" --cert "$ETCD_CERT_FILE" --key "$ETCD_KEY_FILE" member list --write-out json 2>/dev/null) || listed=
  known=
  [ -z "$listed" ] || known=$(jq -r --arg url "$ETCD_INITIAL_ADVERTISE_PEER_URLS" '
    [.members[] | select(.peerURLs | index($url))]
    | if length == 0 then "stranger"
      elif (.[0].name // "") == "" then "added"
      elif (.[0].clientURLs // []) == [] then "expected"
      else "lost" end' <<<"$listed")
}

data=$ETCD_DATA_DIR own=$ETCD_INITIAL_ADVERTISE_PEER_URLS
rm -f "$state_file"
if [ -e "$data/member" ]; then
  # As etcd does when it was taken out. What it has is of use to nobody then: added again, it gets another number.
  [ -e "$ended" ] || exit 0
  rm "$ended"
  ask
  [ "$known" = stranger ] || exit 0
  [ -z "$primer" ] || leave
  rm -rf "$data/removed"
  mv "$data/member" "$data/removed"
  echo "this member was taken out; what it had lies in $data/removed"
fi
# A folder of its own, which `keystone-primer recover` made, is never empty.
case $data in /var/lib/etcd-*) restored=1 ;; *) restored= ;; esac

ask
if [ -z "$listed" ]; then
  [ -z "$restored" ] || refuse "the folder $data is to be copied here first; $replace"
  [ ! -e "$began" ] || refuse "this node was a member, and no other one answers; $replace"
  [ -n "$founder" ] || refuse "the cluster begins on the primers, and none of their members answers; docs/how-to/begin-on-primers.md"
  exit 0
fi
case $known in
  added)
    # It has to name exactly those that are members now, whoever shall be one some day.
    members=$(jq -r --arg url "$own" --arg self "$ETCD_NAME" '
      [.members[] | (if .peerURLs | index($url) then $self else (.name // "") end) as $n
        | (if $n == "" then .peerURLs[0] | split("/")[2] else $n end) + "=" + .peerURLs[]] | join(",")' <<<"$listed")
    printf 'ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER=%s\n' "$members" >"$state_file"
    ;;
  expected) [ -z "$restored" ] || refuse "the folder $data is to be copied here first; $replace" ;;
  stranger)
    [ -z "$primer" ] || leave
    [ -n "$founder$restored" ] || refuse "it waits until the primers hand over: keystone-primer handoff; or until it is added: $replace"
    refuse "the others have no such member; add it; $replace"
    ;;
  *) refuse "the others know it with what it had; take it out and add it again; $replace" ;;
esac
