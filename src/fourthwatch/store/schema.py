"""Tables of the data file, and how an older file becomes a newer one: numbered steps, each in one transaction.

A released step is never edited; a new one is added.
"""

import apsw

APPLICATION_ID = 0x46_57_31_31
"""Marks the file as ours, so that a wrong --data is noticed."""

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE tenant (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL
    ) STRICT;
    INSERT INTO tenant (id, name, created_ms) VALUES (1, 'default', 0);

    CREATE TABLE api_key (
        id TEXT PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        name TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,      -- SHA-256 of the key; the key itself is nowhere
        hint TEXT NOT NULL,             -- first and last characters, for people
        scopes TEXT NOT NULL,           -- separated by blanks
        created_ms INTEGER NOT NULL,
        revoked_ms INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,        -- the one order of events
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        nonce BLOB NOT NULL,            -- the unguessable part of the event's id
        identity BLOB NOT NULL,         -- what makes a repeat a repeat
        fingerprint BLOB NOT NULL,      -- hash of kind and content
        kind INTEGER NOT NULL,
        name TEXT,                      -- of a custom event
        subject TEXT,                   -- the order or user whose state it sets
        occurred_ms INTEGER NOT NULL,   -- sender's clock, clamped
        received_ms INTEGER NOT NULL,   -- our clock
        body BLOB NOT NULL,             -- as sent, card data masked
        warnings BLOB,                  -- JSON, as answered
        from_go INTEGER NOT NULL,       -- 1 when absent booleans mean false
        chain BLOB NOT NULL             -- hash over this row and the chain before it
    ) STRICT;
    CREATE UNIQUE INDEX event_identity ON event (tenant, identity);
    CREATE INDEX event_subject ON event (tenant, subject, seq) WHERE subject IS NOT NULL;

    CREATE TABLE decision (
        seq INTEGER PRIMARY KEY REFERENCES event (seq),
        tenant INTEGER NOT NULL,
        score INTEGER NOT NULL,
        flag TEXT NOT NULL,
        verdict TEXT NOT NULL,
        answered INTEGER NOT NULL,      -- whether the event's reply carried it
        detail BLOB NOT NULL            -- JSON: probability, reasons, vector, versions
    ) STRICT;

    CREATE TABLE postback_address (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        purpose TEXT NOT NULL,
        url TEXT NOT NULL,
        changed_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, purpose)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE feature (
        id INTEGER PRIMARY KEY,         -- order of definition: a feature is made of older ones only
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        name TEXT NOT NULL,
        text TEXT NOT NULL,             -- in the language
        unit TEXT NOT NULL,
        says TEXT NOT NULL,
        reason TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        author TEXT NOT NULL,           -- id of the key
        UNIQUE (tenant, name)
    ) STRICT;
    """,
    """
    CREATE TABLE audit_entry (
        id INTEGER PRIMARY KEY,         -- the order of changes, over all tenants
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        number INTEGER NOT NULL,        -- 1, 2, 3 within the tenant
        at_ms INTEGER NOT NULL,
        actor TEXT NOT NULL,            -- id of the key, or 'command line'
        action TEXT NOT NULL,
        thing TEXT NOT NULL,            -- path below /api/v1
        before BLOB,                    -- JSON
        after BLOB,                     -- JSON
        chain BLOB NOT NULL,            -- hash over this row and the chain before it
        UNIQUE (tenant, number)
    ) STRICT;
    CREATE TRIGGER audit_entry_stays BEFORE UPDATE ON audit_entry
        BEGIN SELECT raise(ABORT, 'the audit trail is only added to'); END;
    CREATE TRIGGER audit_entry_is_kept BEFORE DELETE ON audit_entry
        BEGIN SELECT raise(ABORT, 'the audit trail is only added to'); END;
    CREATE TRIGGER audit_entry_is_appended BEFORE INSERT ON audit_entry
        WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit_entry WHERE tenant = NEW.tenant)
        BEGIN SELECT raise(ABORT, 'the audit trail is only added to'); END;

    CREATE TABLE kept_answer (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        key BLOB NOT NULL,              -- hash of the Idempotency-Key
        fingerprint BLOB NOT NULL,      -- hash of method, path and body
        status INTEGER NOT NULL,
        headers BLOB NOT NULL,          -- JSON
        body BLOB NOT NULL,
        PRIMARY KEY (tenant, key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE secret (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO secret (name, value) VALUES ('cursors', randomblob(32));
    """,
    """
    CREATE TABLE console_user (
        id TEXT PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        name TEXT NOT NULL UNIQUE,      -- to sign in with, lower case
        role TEXT NOT NULL,
        password TEXT,                  -- argon2id hash; NULL until a link was used
        totp TEXT,                      -- secret of the second factor
        totp_step INTEGER NOT NULL,     -- newest time step whose code was taken
        created_ms INTEGER NOT NULL,
        disabled_ms INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE console_session (
        hash BLOB PRIMARY KEY,          -- SHA-256 of what the browser holds
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        user TEXT NOT NULL REFERENCES console_user (id),
        created_ms INTEGER NOT NULL,
        seen_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX console_session_user ON console_session (user);

    CREATE TABLE console_link (
        hash BLOB PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        user TEXT REFERENCES console_user (id), -- NULL: makes the first administrator
        expires_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE console_device (
        hash BLOB NOT NULL,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        user TEXT NOT NULL REFERENCES console_user (id),
        created_ms INTEGER NOT NULL,
        PRIMARY KEY (user, hash)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE console_view (
        id TEXT PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        user TEXT NOT NULL REFERENCES console_user (id),
        page TEXT NOT NULL,
        name TEXT NOT NULL,
        query TEXT NOT NULL,
        shared INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        UNIQUE (tenant, user, page, name)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE list (
        id INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        kind TEXT NOT NULL,
        says TEXT NOT NULL,
        version INTEGER NOT NULL,       -- counts edits, those of entries included
        created_ms INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,      -- position of the first event that it holds for
        removed_ms INTEGER,
        until_seq INTEGER               -- position of the first event that it no longer holds for
    ) STRICT;
    CREATE UNIQUE INDEX list_name ON list (tenant, name) WHERE until_seq IS NULL;

    CREATE TABLE list_entry (
        id INTEGER PRIMARY KEY,
        list INTEGER NOT NULL REFERENCES list (id),
        tenant INTEGER NOT NULL,
        value TEXT NOT NULL,            -- in its normal form
        sent TEXT NOT NULL,             -- as it was sent
        reason TEXT NOT NULL,
        author TEXT NOT NULL,           -- id of the key, or of the rule
        expires_ms INTEGER,             -- by when an event is received
        added_ms INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,      -- position of the first event that it holds for
        removed_ms INTEGER,
        until_seq INTEGER,              -- position of the first event that it no longer holds for
        hits INTEGER NOT NULL DEFAULT 0,
        last_hit_ms INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX list_entry_in_force ON list_entry (list, value) WHERE until_seq IS NULL;
    CREATE INDEX list_entry_history ON list_entry (list, value, from_seq);
    """,
    """
    CREATE TABLE rule_set (
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        version INTEGER NOT NULL,       -- 1, 2, 3 within the tenant
        content BLOB NOT NULL,          -- JSON: the whole set
        features BLOB NOT NULL,         -- JSON: the tenant's own features that it is made of, as they were
        note TEXT NOT NULL,
        author TEXT NOT NULL,           -- id of the key, or 'brake'
        approver TEXT,                  -- id of a second key, where two are wanted
        created_ms INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,      -- position of the first event that it holds for
        PRIMARY KEY (tenant, version)
    ) STRICT;

    CREATE TABLE rule_proposal (
        id INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL REFERENCES tenant (id),
        base INTEGER NOT NULL,          -- version in force when it was made
        content BLOB NOT NULL,
        note TEXT NOT NULL,
        author TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT;
    """,
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
)


def migrate(connection: apsw.Connection) -> None:
    """Bring the file to the newest step; killed at any point, it is at a whole step."""
    version = int(str(connection.pragma("user_version")))
    for number, step in enumerate(STEPS[version:], version + 1):
        connection.execute(
            f"BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT"
        )
