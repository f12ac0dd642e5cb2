# Makes ConfigMaps by this node's load balancer, one after the other, each by a connection of its own, and notes what was
# acknowledged and when. What gets no answer is not tried again under its name, so that whatever is noted was made once.
WRITER = f"""
n=0
while :; do
  n=$((n + 1))
  code=$(curl --silent --output /dev/null --max-time 5 --write-out %{{http_code}} --cacert {TRUST}/kubernetes-ca.crt \\
    --cert {PKI}/bootstrap.crt --key {PKI}/bootstrap.key --json "{{\\"metadata\\":{{\\"name\\":\\"written-$n\\"}}}}" \\
    https://127.0.0.1:6444/api/v1/namespaces/default/configmaps) || true
  [ "$code" != 201 ] || echo "written-$n $(date +%s.%N)" >> /tmp/acknowledged
done
"""


def acknowledged():
    """Name and moment of everything that was."""
    return [(name, float(at)) for name, at in (line.split() for line in control1.succeed("cat /tmp/acknowledged").splitlines())]


def goes_on(more=20, timeout=60):
    """Until so many more are acknowledged."""
    wanted = len(acknowledged()) + more
    control1.wait_until_succeeds(f"test $(wc -l < /tmp/acknowledged) -ge {wanted}", timeout=timeout)


def pause(since):
    """The longest time without an acknowledgement since then."""
    moments = [since] + [at for _, at in acknowledged() if at >= since]
    return max(after - before for before, after in zip(moments, moments[1:], strict=False))


def somebody_writes():
    control1.succeed(f"cat > /tmp/writer <<'EOF'\n{WRITER}EOF\nsystemd-run --unit writer bash /tmp/writer")
    control1.wait_until_succeeds("test -s /tmp/acknowledged", timeout=30)
    goes_on()
