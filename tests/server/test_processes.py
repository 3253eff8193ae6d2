"""The processes beside the server begin quickly and are small: they load nothing of what answers requests."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index_process", "sender_process"])
def test_a_process_beside_the_server_loads_no_api_and_no_console(name: str) -> None:
    code = f"import fourthwatch.server.{name}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = done.stdout.split()
    assert f"fourthwatch.server.{name}" in loaded
    for other in ("fourthwatch.api", "fourthwatch.console", "fourthwatch.server.serve", "uvicorn", "starlette"):
        assert other not in loaded
