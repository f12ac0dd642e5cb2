"""What AWS is given, as far as programs that one can have judge it: aws.py RENDERED

moto 5 takes the documents as IAM would: botocore holds each request against AWS's own description of it, and moto's IAM reads
the grammar of policies and of the provider's URL; that of a trust policy not when the role is made, but when the policy is
replaced. moto's STS looks neither at a token nor at a trust policy nor whether
the role exists (moto/sts/models.py, assume_role), so it says only that the request has the right form and that the
role's ARN is one. Who may take which role is therefore judged here, by what AWS documents: the token's signature by a
published key, its issuer, its time, and the conditions of the trust policy, of which only `StringEquals` is known here; any
other is a failure. PyJWT verifies the tokens, which are signed by the fixture's throw-away keys.

Prints `ok: ...` and `FAILED: ...`, one a line.
"""

import json
import sys
import time
from pathlib import Path

import boto3
import jwt
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm
from moto import mock_aws

FIXTURES = Path("checks/fixtures/identities/service-account")
LOGIN = "sts:AssumeRoleWithWebIdentity"


def said(holds: bool, what: str, found: object = "") -> None:
    print(f"ok: {what}" if holds else f"FAILED: {what}: {found}")


class Documents:
    """What keystone-gen-oidc renders."""

    def __init__(self, rendered: Path):
        self.provider = json.loads((rendered / "aws/oidc-provider.json").read_text())
        self.keys = jwt.PyJWKSet.from_json((rendered / "oidc/openid/v1/jwks").read_text())
        self.issuer = json.loads((rendered / "oidc/.well-known/openid-configuration").read_text())["issuer"]
        folders = sorted(path.parent for path in rendered.glob("aws/*/trust-policy.json"))
        self.roles = {folder.name: folder for folder in folders}
        self.trust = {name: json.loads((at / "trust-policy.json").read_text()) for name, at in self.roles.items()}

    def federated(self) -> dict[str, dict]:
        """Roles that a token takes, each with the only statement that it may have."""
        found = {}
        for name, policy in self.trust.items():
            for statement in policy["Statement"]:
                if statement["Action"] == LOGIN:
                    found[name] = statement
        return found


# ---- as IAM reads it -----------------------------------------------------------------------------------------------


def accepted(documents: Documents, account: str) -> None:
    iam = boto3.client("iam", region_name="eu-central-1")
    made = iam.create_open_id_connect_provider(**documents.provider)["OpenIDConnectProviderArn"]
    kept = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=made)
    said(kept["ClientIDList"] == documents.provider["ClientIDList"], "the provider is taken with its audience", kept)
    for name, folder in documents.roles.items():
        text = (folder / "trust-policy.json").read_text()
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)
        role = iam.get_role(RoleName=name)["Role"]
        said(role["AssumeRolePolicyDocument"] == documents.trust[name], f"{name}: its trust policy is taken", role)
        for file in sorted(folder.glob("permissions*.json")):
            iam.put_role_policy(RoleName=name, PolicyName=file.stem, PolicyDocument=file.read_text())
            kept = iam.get_role_policy(RoleName=name, PolicyName=file.stem)["PolicyDocument"]
            said(kept == json.loads(file.read_text()), f"{name}: {file.name} is taken", kept)
        statement = documents.federated().get(name)
        if statement:
            principal = statement["Principal"]
            said(principal == {"Federated": made}, f"{name}: its principal is the provider's ARN", (principal, made))
            assumed(documents, role["Arn"], name, statement, account)
    refused(iam, documents)


def assumed(documents: Documents, arn: str, name: str, statement: dict, account: str) -> None:
    """The form alone: see above."""
    token = Token(documents).of(statement)
    sts = boto3.client("sts", region_name="eu-central-1")
    answer = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName=name, WebIdentityToken=token)
    user = answer["AssumedRoleUser"]["Arn"]
    said(user == f"arn:aws:sts::{account}:assumed-role/{name}/{name}", f"{name}: a request for it has the right form", user)


def refused(iam, documents: Documents) -> None:
    """Whoever takes everything has judged nothing."""
    policy = next(iter(documents.federated().values()))
    for what, change in {
        "an action that takes no role": {"Action": "s3:GetObject"},
        "an effect that there is not": {"Effect": "Permit"},
        "a resource": {"Resource": "*"},
        "a condition that there is not": {"Condition": {"StringSame": policy["Condition"]["StringEquals"]}},
    }.items():
        text = json.dumps({"Version": "2012-10-17", "Statement": [policy | change]})
        try:
            iam.update_assume_role_policy(RoleName=next(iter(documents.roles)), PolicyDocument=text)
            said(False, f"a trust policy with {what} is refused", text)
        except ClientError as error:
            said(error.response["Error"]["Code"] == "MalformedPolicyDocument", f"a trust policy with {what} is refused", error)


# ---- who may take which role ---------------------------------------------------------------------------------------


class Token:
    """A token as kube-apiserver signs one for a pod, changed as a test asks."""

    def __init__(self, documents: Documents, key: str = "throw-away-2026-05"):
        self.documents = documents
        self.private = load_pem_private_key((FIXTURES / f"{key}.key").read_bytes(), None)
        self.algorithm, self.changes = "RS256", {}

    def of(self, statement: dict) -> str:
        wanted = statement["Condition"]["StringEquals"]
        name = {key.rsplit(":", 1)[1]: value for key, value in wanted.items()}
        now = int(time.time())
        claims = {"iss": self.documents.issuer, "aud": [name["aud"]], "sub": name["sub"], "iat": now, "exp": now + 600}
        claims = {key: value for key, value in (claims | self.changes).items() if value is not None}
        own = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)["n"]
        listed = [key for key in self.documents.keys.keys if RSAAlgorithm.to_jwk(key.key, as_dict=True)["n"] == own]
        kid = listed[0].key_id if listed else self.documents.keys.keys[0].key_id
        key = self.private if self.algorithm == "RS256" else ""
        return jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": kid})


def takes(documents: Documents, token: str, statement: dict) -> str | None:
    """Nothing where the token takes the role; otherwise why not."""
    try:
        header = jwt.get_unverified_header(token)
        key = next(key for key in documents.keys.keys if key.key_id == header["kid"])
        need = {"require": ["iss", "aud", "sub", "iat", "exp"]}
        clients = documents.provider["ClientIDList"]
        claims = jwt.decode(token, key, ["RS256"], audience=clients, issuer=documents.issuer, options=need)
    except (jwt.InvalidTokenError, StopIteration) as error:
        return type(error).__name__
    if statement["Effect"] != "Allow" or list(statement["Condition"]) != ["StringEquals"]:
        return "a statement that is not understood here"
    audience = claims["aud"] if isinstance(claims["aud"], str) else claims["aud"][0]
    have = {"aud": audience, "sub": claims["sub"]}
    provider = documents.issuer.removeprefix("https://")
    for condition, wanted in statement["Condition"]["StringEquals"].items():
        issuer, claim = condition.rsplit(":", 1)
        if issuer != provider or have.get(claim) != wanted:
            return f"the condition on {claim}"
    return None


def tokens(documents: Documents) -> None:
    roles = documents.federated()
    for name, statement in roles.items():
        conditions = {key.rsplit(":", 1)[1] for key in statement["Condition"]["StringEquals"]}
        said(conditions == {"aud", "sub"}, f"{name}: audience and subject are both asked for", conditions)
        for key in sorted(path.stem for path in FIXTURES.glob("*.key")):
            why = takes(documents, Token(documents, key).of(statement), statement)
            said(why is None, f"{name}: its own service account takes it by {key}", why)
        for other, theirs in roles.items():
            if other != name:
                why = takes(documents, Token(documents).of(theirs), statement)
                said(why == "the condition on sub", f"{name}: that of {other} does not", why)
    for name, statement in roles.items():
        changed(documents, name, statement)


def changed(documents: Documents, name: str, statement: dict) -> None:
    subject = next(value for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub"))
    service_account, _, own = subject.rsplit(":", 2)
    past = int(time.time()) - 60
    for what, changes, wanted in (
        ("another namespace", {"sub": f"{service_account}:default:{own}"}, "the condition on sub"),
        ("a longer name", {"sub": subject + "-2"}, "the condition on sub"),
        ("another case", {"sub": subject.upper()}, "the condition on sub"),
        ("a wildcard", {"sub": "system:serviceaccount:*"}, "the condition on sub"),
        ("no subject", {"sub": None}, "MissingRequiredClaimError"),
        ("the audience of the API server", {"aud": ["https://kubernetes.default.svc"]}, "InvalidAudienceError"),
        ("no audience", {"aud": None}, "MissingRequiredClaimError"),
        ("another issuer", {"iss": documents.issuer + "/"}, "InvalidIssuerError"),
        ("a time that is over", {"iat": past - 600, "exp": past}, "ExpiredSignatureError"),
        ("a time that comes", {"nbf": past + 3600}, "ImmatureSignatureError"),
    ):
        token = Token(documents)
        token.changes = changes
        why = takes(documents, token.of(statement), statement)
        said(why == wanted, f"{name}: {what} takes nothing", why)
    unknown, none = Token(documents), Token(documents)
    unknown.private = rsa.generate_private_key(65537, 2048)
    why = takes(documents, unknown.of(statement), statement)
    said(why == "InvalidSignatureError", f"{name}: a key that is not published signs for nothing", why)
    none.algorithm = "none"
    why = takes(documents, none.of(statement), statement)
    said(why == "InvalidAlgorithmError", f"{name}: no signature takes nothing", why)


def main(rendered: str) -> None:
    documents = Documents(Path(rendered))
    said(len(documents.federated()) >= 3, "there are roles that tokens take", list(documents.roles))
    account = next(iter(documents.federated().values()))["Principal"]["Federated"].split(":")[4]
    with mock_aws():
        accepted(documents, account)
    tokens(documents)


main(*sys.argv[1:])
