laptop = laptop1


def began():
    start_all()
    in_mesh(primer1)
    for host, node in control.items():
        enrol(primer1, node, host)
    in_mesh(*control.values())
    admit(primer1, laptop, "alice")
    laptop.succeed(f"install -D -m 0600 {KEYS}/alice-ssh /tmp/alice")
    all_well(240)
    control1.wait_until_succeeds(f"{KUBECTL} get serviceaccount default", timeout=60)
