# What the plugin `oidc-login` of kubectl does, with a browser that needs no person: the rendered kubeconfig calls it with
# the issuer and the client, and gets a token back. Who LOGS_IN, as a MEMBER_OF which groups, is in the environment.
set -euo pipefail
[ "$1" = get-token ] || { echo "oidc-login $1 is not known here" >&2; exit 1; }
scope=openid
for argument; do
  case $argument in
    --oidc-issuer-url=*) issuer=${argument#*=} ;;
    --oidc-client-id=*) client=${argument#*=} ;;
    --oidc-extra-scope=*) scope="$scope+${argument#*=}" ;;
  esac
done
back=http%3A%2F%2Flocalhost%3A8000
visit() { curl --silent --show-error --fail --output /dev/null --write-out '%{redirect_url}' "$@"; }
callback=$(visit "$issuer/auth/proxy?client_id=$client&response_type=code&scope=$scope&redirect_uri=$back&state=1")
answer=$(visit --header "X-Remote-User: $LOGS_IN" --header "X-Remote-Group: ${MEMBER_OF:-}" "$callback")
code=$(sed -nE 's/.*[?&]code=([^&]*).*/\1/p' <<<"$answer")
curl --silent --show-error --fail --data "grant_type=authorization_code&code=$code&redirect_uri=$back&client_id=$client" "$issuer/token" |
  jq '{ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token: .id_token } }'
