"""The interface that scripts of NixOS tests are written against, as far as ours use it: for the type checker, never run."""

import unittest
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path


class Machine:
    name: str

    def start(self, allow_reboot: bool = False) -> None: ...
    def shutdown(self) -> None: ...
    def crash(self) -> None: ...
    def reboot(self) -> None: ...
    def execute(
        self, command: str, check_return: bool = True, check_output: bool = True, timeout: int | None = 900
    ) -> tuple[int, str]:
        raise NotImplementedError

    def succeed(self, *commands: str, timeout: int | None = None) -> str:
        raise NotImplementedError

    def fail(self, *commands: str, timeout: int | None = None) -> str:
        raise NotImplementedError

    def wait_until_succeeds(self, command: str, timeout: int = 900) -> str:
        raise NotImplementedError

    def wait_until_fails(self, command: str, timeout: int = 900) -> str:
        raise NotImplementedError

    def wait_for_unit(self, unit: str, user: str | None = None, timeout: int = 900) -> None: ...
    def wait_for_open_port(self, port: int, addr: str = "localhost", timeout: int = 900) -> None: ...
    def wait_for_closed_port(self, port: int, addr: str = "localhost", timeout: int = 900) -> None: ...
    def wait_for_open_unix_socket(self, addr: str, is_datagram: bool = False, timeout: int = 900) -> None: ...
    def wait_for_file(self, filename: str, timeout: int = 900) -> None: ...
    def wait_for_console_text(self, regex: str, timeout: int | None = None) -> None: ...
    def require_unit_state(self, unit: str, require_state: str = "active") -> None: ...
    def systemctl(self, q: str, user: str | None = None) -> tuple[int, str]:
        raise NotImplementedError

    def get_unit_info(self, unit: str, user: str | None = None) -> dict[str, str]:
        raise NotImplementedError

    def get_unit_property(self, unit: str, property: str, user: str | None = None) -> str:
        raise NotImplementedError

    def start_job(self, jobname: str, user: str | None = None) -> tuple[int, str]:
        raise NotImplementedError

    def stop_job(self, jobname: str, user: str | None = None) -> tuple[int, str]:
        raise NotImplementedError

    def block(self) -> None: ...
    def unblock(self) -> None: ...
    def copy_from_host(self, source: str, target: str) -> None: ...
    def copy_from_machine(self, source: str, target_dir: str = "") -> None: ...
    def log(self, msg: str) -> None: ...


class Log:
    def log(self, msg: str) -> None: ...
    def info(self, msg: str) -> None: ...
    def warning(self, msg: str) -> None: ...
    def error(self, msg: str) -> None: ...


log: Log = Log()
t: unittest.TestCase = unittest.TestCase()
machines: list[Machine] = []


def start_all() -> None: ...
def join_all() -> None: ...
def subtest(name: str) -> AbstractContextManager[None]:
    raise NotImplementedError


def retry(fn: Callable[[bool], bool], timeout: int = 900) -> None: ...
def copy_from_host(source: Path, target: str) -> None: ...
