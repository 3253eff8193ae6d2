"""Tables of the data file, and how an older file becomes a newer one: numbered steps, each in one transaction.

A released step is never edited; a new one is added.
"""

import apsw

from fourthwatch.store.first_steps import FIRST_STEPS

APPLICATION_ID = 0x46_57_31_31
"""Marks the file as ours, so that a wrong --data is noticed."""

STEPS: tuple[str, ...] = (
    *FIRST_STEPS,
    """
    ALTER TABLE postback_address ADD COLUMN key_id TEXT;         -- of the key that it was registered with
    ALTER TABLE postback_address ADD COLUMN sealed_key BLOB;     -- that key: receivers compare it; see store/seal.py
    ALTER TABLE postback_address ADD COLUMN disabled_ms INTEGER; -- when the receiver said that it is gone

    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL,
        type TEXT NOT NULL,
        entity TEXT NOT NULL,           -- what it is about: order:…, user:…, rule:…
        seq INTEGER NOT NULL,           -- of the event; 0 when there is none
        nonce BLOB NOT NULL,            -- makes the ids of its deliveries
        at_ms INTEGER NOT NULL,
        detail BLOB                     -- JSON, of what no event tells
    ) STRICT;

    CREATE TABLE review_case (
        number INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL,
        order_id TEXT NOT NULL,
        opened_seq INTEGER NOT NULL,
        opened_ms INTEGER NOT NULL,
        closed_seq INTEGER,
        closed_ms INTEGER,
        outcome TEXT
    ) STRICT;
    CREATE UNIQUE INDEX review_case_open ON review_case (tenant, order_id) WHERE closed_seq IS NULL;
    CREATE INDEX review_case_order ON review_case (tenant, order_id);
    CREATE INDEX review_case_tenant ON review_case (tenant, number);

    CREATE TABLE webhook_endpoint (
        id TEXT PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        url TEXT NOT NULL,
        description TEXT NOT NULL,
        types TEXT NOT NULL,            -- separated by blanks
        ordering TEXT NOT NULL,         -- none or entity
        enabled INTEGER NOT NULL,
        disabled_ms INTEGER,            -- when its receiver said that it is gone
        sealed_secret BLOB NOT NULL,
        sealed_former BLOB,             -- signs too, until former_until_ms
        former_until_ms INTEGER,
        created_ms INTEGER NOT NULL,
        version INTEGER NOT NULL        -- counts changes
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE delivery_stream (
        tenant INTEGER NOT NULL,
        receiver TEXT NOT NULL,
        entity TEXT NOT NULL,
        sequence INTEGER NOT NULL,      -- the newest one given
        PRIMARY KEY (tenant, receiver, entity)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE delivery (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- the cursor
        id TEXT NOT NULL UNIQUE,
        tenant INTEGER NOT NULL,
        receiver TEXT NOT NULL,         -- id of a webhook endpoint, or purpose of a postback address
        line TEXT,                      -- in which it waits for those before it about the same entity
        type TEXT NOT NULL,
        entity TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        seq INTEGER NOT NULL,           -- of the event that it is about; 0 when there is none
        detail BLOB,                    -- JSON, of what no event tells
        state TEXT NOT NULL,            -- waiting, queued, sending, delivered or parked
        attempts INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        not_before_ms INTEGER NOT NULL,
        due_ms INTEGER,                 -- only while waiting
        expires_ms INTEGER NOT NULL,    -- parked when it has not arrived by then
        finished_ms INTEGER,
        note TEXT                       -- why it is parked
    ) STRICT;
    CREATE INDEX delivery_due ON delivery (tenant, receiver, due_ms) WHERE due_ms IS NOT NULL;
    CREATE INDEX delivery_entity ON delivery (tenant, receiver, entity, number);
    CREATE INDEX delivery_line ON delivery (tenant, line, entity, number)
        WHERE line IS NOT NULL AND state IN ('waiting', 'queued', 'sending');
    CREATE INDEX delivery_page ON delivery (tenant, number);
    CREATE INDEX delivery_sending ON delivery (number) WHERE state = 'sending';
    CREATE INDEX delivery_finished ON delivery (finished_ms) WHERE state = 'delivered';

    CREATE TABLE delivery_attempt (
        delivery INTEGER NOT NULL REFERENCES delivery (number) ON DELETE CASCADE,
        tenant INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        started_ms INTEGER NOT NULL,
        took_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        told TEXT,                      -- the flag that it carried, of a score postback
        address TEXT,                   -- that was connected to
        head BLOB NOT NULL,             -- JSON of the request's headers; no secret among them
        body BLOB,                      -- null: the same as of the attempt before
        status INTEGER,
        reply BLOB,                     -- its beginning
        PRIMARY KEY (delivery, attempt)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE erased (
        seq INTEGER PRIMARY KEY REFERENCES event (seq), -- its chain hash stays, and is of what it was
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        erasure TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE policy (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        version INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,      -- position of the first event that it holds for
        at_ms INTEGER NOT NULL,
        author TEXT NOT NULL,           -- id of the key
        content BLOB NOT NULL,          -- JSON
        PRIMARY KEY (tenant, version)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE INDEX delivery_expiry ON delivery (expires_ms) WHERE due_ms IS NOT NULL;
    """,
    """
    CREATE TABLE model (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        id TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('candidate', 'shadow', 'champion', 'retired')),
        created_ms INTEGER NOT NULL,
        changed_ms INTEGER NOT NULL,
        manifest BLOB NOT NULL,         -- JSON, with the SHA-256 of the next two
        report BLOB,                    -- JSON of the newest comparison with the champion
        body BLOB NOT NULL,             -- LightGBM text or ONNX
        golden BLOB NOT NULL,           -- rows with the probability that they must give
        card BLOB NOT NULL,             -- HTML, for people
        PRIMARY KEY (tenant, id)
    ) STRICT;
    CREATE UNIQUE INDEX model_champion ON model (tenant) WHERE state = 'champion';

    CREATE TABLE model_change (
        id INTEGER PRIMARY KEY,         -- the order of changes, over all tenants
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        model TEXT NOT NULL,
        state TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        actor TEXT NOT NULL,            -- id of the key, or 'command line'
        why TEXT NOT NULL               -- said when a gate was overridden
    ) STRICT;

    CREATE TABLE model_held (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        from_seq INTEGER NOT NULL,      -- from the event at this position on
        model TEXT NOT NULL,            -- empty: the scorecard alone
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, from_seq)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE order_claim (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        order_id TEXT NOT NULL,
        holder TEXT NOT NULL,           -- id of the user or key
        name TEXT NOT NULL,             -- for people
        taken_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, order_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE erasure_wish (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        user_id TEXT NOT NULL,          -- goes with the erasure, which takes place at the next start
        actor TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, user_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE saved_view (
        id TEXT PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        user TEXT NOT NULL,             -- id of the user or key whose it is
        page TEXT NOT NULL,
        name TEXT NOT NULL,
        query TEXT NOT NULL,
        shared INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        UNIQUE (tenant, user, page, name)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO saved_view SELECT id, tenant, user, page, name, query, shared, created_ms FROM console_view;
    DROP TABLE console_view;
    """,
    """
    ALTER TABLE review_case ADD COLUMN queue TEXT; -- the queue that a rule wants the order in
    CREATE INDEX delivery_open ON delivery (created_ms) WHERE state IN ('waiting', 'queued', 'sending');
    CREATE INDEX delivery_parked ON delivery (created_ms) WHERE state = 'parked';
    CREATE INDEX delivery_test ON delivery (tenant, receiver, due_ms)
        WHERE type = 'webhook.test' AND due_ms IS NOT NULL;
    """,
    """
    CREATE TABLE exploration (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        order_id TEXT NOT NULL,
        seq INTEGER NOT NULL,           -- of the event on which it was drawn
        day INTEGER NOT NULL,           -- since 1970, UTC
        at_ms INTEGER NOT NULL,
        propensity REAL NOT NULL,
        released INTEGER NOT NULL,      -- 1 when the order was let pass
        amount_minor INTEGER NOT NULL,
        PRIMARY KEY (tenant, order_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX exploration_day ON exploration (tenant, day);
    CREATE INDEX exploration_at ON exploration (tenant, at_ms);
    """,
    """
    CREATE TABLE retention (
        what TEXT PRIMARY KEY,          -- one row for the whole server: histories
        days INTEGER NOT NULL,
        actor TEXT NOT NULL,
        at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE rule_set_proposal (    -- as rule_proposal, with a number that is a tenant's own
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        id INTEGER NOT NULL,
        base INTEGER NOT NULL,          -- version in force when it was made
        content BLOB NOT NULL,
        note TEXT NOT NULL,
        author TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, id)
    ) STRICT;
    INSERT INTO rule_set_proposal SELECT tenant, id, base, content, note, author, created_ms FROM rule_proposal;
    DROP TABLE rule_proposal;
    """,
    """
    ALTER TABLE review_case ADD COLUMN held INTEGER NOT NULL DEFAULT 0; -- 1 when a person held the order in it
    """,
    """
    ALTER TABLE kept_answer ADD COLUMN entity TEXT; -- the order or user that it is about, as 'order:1001'
    """,
)


def migrate(connection: apsw.Connection) -> None:
    """Bring the file to the newest step in one transaction: killed at any point, it is as before or at the newest."""
    version = int(str(connection.pragma("user_version")))
    if version < len(STEPS):
        steps = "; ".join(STEPS[version:])
        connection.execute(
            f"BEGIN IMMEDIATE; {steps}; PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {len(STEPS)}; COMMIT"
        )
