# Decides how a member without data begins. Environment: what the unit gives etcd; $others are the other members' addresses,
# $began a mark that this node was a member once, $state_file what etcd reads besides.
#
# "new" is for the day on which the cluster begins, and for no other: a member that lost what it had acknowledged and came
# back under its old number could make a quorum forget it. So one that was added again begins as "existing", and one that
# nobody added does not begin.
refuse() {
  echo "etcd has no data here and does not begin: $1; docs/how-to/replace-a-member.md" >&2
  exit 1
}

data=$ETCD_DATA_DIR own=$ETCD_INITIAL_ADVERTISE_PEER_URLS
[ ! -e "$data/member" ] || exit 0
# A folder of its own, which `keystone-primer recover` made, is never empty.
case $data in /var/lib/etcd-*) restored=1 ;; *) restored= ;; esac

listed=$(etcdctl --endpoints "$others" --command-timeout 3s --dial-timeout 2s \
  --cacert "$ETCD_TRUSTED_CA_FILE" --cert "$ETCD_CERT_FILE" --key "$ETCD_KEY_FILE" member list --write-out json 2>/dev/null) || listed=
if [ -z "$listed" ]; then
  [ -z "$restored" ] || refuse "the folder $data is to be copied here first"
  [ ! -e "$began" ] || refuse "this node was a member, and no other one answers"
  exit 0
fi
# How the others know it: by its URL, as one that was added has no name before it starts.
known=$(jq -r --arg url "$own" '
  [.members[] | select(.peerURLs | index($url))]
  | if length == 0 then "stranger"
    elif (.[0].name // "") == "" then "added"
    elif (.[0].clientURLs // []) == [] then "expected"
    else "lost" end' <<<"$listed")
case $known in
  added)
    # It has to name exactly those that are members now, whoever shall be one some day.
    members=$(jq -r --arg url "$own" --arg self "$ETCD_NAME" '
      [.members[] | (if .peerURLs | index($url) then $self else (.name // "") end) as $n
        | (if $n == "" then .peerURLs[0] | split("/")[2] else $n end) + "=" + .peerURLs[]] | join(",")' <<<"$listed")
    printf 'ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER=%s\n' "$members" >"$state_file"
    ;;
  expected) [ -z "$restored" ] || refuse "the folder $data is to be copied here first" ;;
  stranger) refuse "the others have no such member; add it" ;;
  *) refuse "the others know it with what it had; take it out and add it again" ;;
esac
