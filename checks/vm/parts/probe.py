"""Listens on many ports of some addresses, or asks many ports of many addresses; for tests of who reaches what.

    probe.py listen '{"addresses": [...], "tcp": [...], "udp": [...]}'
        Prints, once all of it listens, what could not be listened on as somebody else does, and then answers for ever.
    probe.py ask < '[["tcp", "address", port], ...]'
        Prints which of them were reached: a TCP connection was made, or a datagram came back.
"""

import asyncio
import json
import socket
import sys

PATIENCE = 4  # seconds
AT_ONCE = 600


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.transport.sendto(data, peer)


async def listen(wanted):
    loop = asyncio.get_running_loop()
    taken = []
    for address in wanted["addresses"]:
        for port in wanted["tcp"]:
            try:
                await asyncio.start_server(lambda _, writer: writer.close(), address, port, backlog=200)
            except OSError:
                taken.append(["tcp", address, port])
        for port in wanted["udp"]:
            try:
                await loop.create_datagram_endpoint(Echo, (address, port))
            except OSError:
                taken.append(["udp", address, port])
    print(json.dumps(taken), flush=True)
    await asyncio.Event().wait()


class Answer(asyncio.DatagramProtocol):
    def __init__(self):
        self.came = asyncio.get_running_loop().create_future()

    def datagram_received(self, _data, _peer):
        if not self.came.done():
            self.came.set_result(True)

    def error_received(self, _error):
        pass


async def udp(address, port):
    loop = asyncio.get_running_loop()
    transport, answer = await loop.create_datagram_endpoint(Answer, remote_addr=(address, port))
    try:
        for _ in range(3):
            transport.sendto(b"probe")
            done, _pending = await asyncio.wait([answer.came], timeout=PATIENCE / 3)
            if done:
                return True
        return False
    finally:
        transport.close()


async def tcp(address, port):
    _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), PATIENCE)
    # A reset instead of a farewell: thousands of these would wait for their last packets.
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()
    return True


async def ask(targets):
    room = asyncio.Semaphore(AT_ONCE)

    async def one(proto, address, port):
        async with room:
            try:
                return await (tcp if proto == "tcp" else udp)(address, port)
            except (OSError, asyncio.TimeoutError):
                return False

    reached = await asyncio.gather(*(one(*target) for target in targets))
    print(json.dumps([target for target, yes in zip(targets, reached, strict=True) if yes]))


if sys.argv[1] == "listen":
    asyncio.run(listen(json.loads(sys.argv[2])))
else:
    asyncio.run(ask(json.load(sys.stdin)))
