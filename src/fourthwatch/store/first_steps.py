"""The first six steps of the data file's tables; see `schema`. They were released and are never edited."""

FIRST_STEPS: tuple[str, ...] = (
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
)
