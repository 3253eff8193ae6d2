"""The server with a queue of twenty events, which a test can fill: `short_queue.py serve --data DIR …`."""

import fourthwatch.engine.queues as queues
from fourthwatch.cli import main

if __name__ == "__main__":
    queues.QUEUE_MAX = 20  # type: ignore[attr-defined]
    main()
