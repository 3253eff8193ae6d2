"""The limit: the HTTP server as shipped, before an application that reads the body and answers as many bytes as ours.

Run as `python -m bench.bare`; says `listening on URL` as the real one does. With `--as-it-comes` the server is uvicorn
with the parser that it picks by itself, not with ours (ADR 7), and without its limits.
"""

import asyncio
import contextlib
import gc
import sys
from typing import cast

import uvicorn
import uvloop

from fourthwatch.api.app import Application
from fourthwatch.api.request import Receive, Scope, Send, read_body
from fourthwatch.server.serve import _SWITCH_INTERVAL_S, Listen, _bind, _config

_RECORDED = b'{"status":"ok","message":"' + b"x" * 72 + b'"}'
_DECIDED = b'{"status":"ok","message":"' + b"x" * 1_172 + b'"}'
"""As long as ours to the orders of the load are on average."""


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Nothing but HTTP."""
    if scope["type"] != "http":
        return
    await read_body(receive)
    body = _DECIDED if scope["path"] == "/event/v1/createOrder" else _RECORDED
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _main(*, as_it_comes: bool) -> None:
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    config = _config(cast(Application, answer), None, None)
    if as_it_comes:
        config.http = "httptools"
    sock = _bind(Listen(host="127.0.0.1", port=0))
    server = uvicorn.Server(config)
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    task = loop.create_task(server.serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.01)
    print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    await task


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(as_it_comes="--as-it-comes" in sys.argv[1:]))
