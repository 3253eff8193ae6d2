"""Every bound of the house in one file, with the relations between them asserted.

What is bounded here is bounded for everybody; what an operator may choose is in `settings`.
"""

# One request.
BODY_BYTES_MAX = 256 * 1024
"""Body after decompression; counted while streaming. Contract clients send up to about 4 kB."""
GZIP_MEMBERS_MAX = 64
HEADER_BYTES_MAX = 32 * 1024
HEADER_COUNT_MAX = 100
HEAD_KNOWN_BYTES_MAX = 2_048
HEADS_KNOWN_MAX = 4_096
"""Heads of event requests that are remembered, so that the parser need not read the same bytes again; up to 8 MiB."""
HEADER_DEADLINE_S = 10.0
"""From a request's first byte (or the connection) to the end of its headers."""
BODY_DEADLINE_S = 10.0
"""From the end of the headers to the end of the body."""
KEEP_ALIVE_IDLE_S = 75.0
"""An idle connection between two requests; longer than the 60 s of common proxies."""
DRAIN_BYTES_MAX = 1024 * 1024
DRAIN_DEADLINE_S = 2.0
"""How much, and for how long, a refused upload is read on so that its sender can read the answer."""
CONNECTIONS_MAX = 8_192
TURNED_AWAY_MAX = 256
"""Connections over the limit that are given time to read their 503; the rest are closed at once."""

# One body.
JSON_DEPTH_MAX = 32
JSON_INTEGER_MAX = 2**63 - 1
KEYS_MAX = 4_096
"""Keys in one body, nested ones included."""
TEXT_ID_MAX = 256
"""Characters of an id that becomes an entity key (user, session, order, item...)."""
WARNINGS_MAX = 32
"""Warnings, or errors, in one reply; one more says how many were left out."""
ITEMS_MAX = 200
"""Order lines, payment methods or promotions of one event that are looked at; the rest is kept, not counted."""
MASKING_WORK_MAX = 20_000
"""Windows of digits looked at for cards in one body, as large as two; beyond it every long run is masked whole."""

# Time.
FUTURE_SLACK_MS = 5 * 60 * 1000
"""How far a sender's clock may be ahead; beyond it the time of receipt counts."""
SECONDS_BELOW = 10**11
"""A numeric timestamp below this is in seconds (contract, section 9, row 14)."""

# The engine.
QUEUE_MAX = 2_048
"""Events waiting for the engine; beyond it 503."""
UNFINISHED_LOOKED_MAX = 10_000
"""Newest events whose decisions are looked at when the server starts, for what the last run did not come to."""
BULK_QUEUE_MAX = 512
"""Events of history waiting, which walk when nobody else does; beyond it 503."""
PRESSED_QUEUE = 128
"""With so many events waiting, exports and searches are not begun."""
BATCH_MAX = 128
"""Events of one commit."""
BATCH_WELL_FILLED = 24
"""With so many events walked a commit begins, however many more are waiting; with fewer it begins when none is."""
RECENT_EVENTS = 20_000
"""Events remembered by identity, twice; those that are not yet durable are among them."""
ORDERS_CACHED_MAX = 8_192
"""Orders remembered, some 7 kB each; those that are not yet durable are among them. Others are read back."""

CHECKPOINT_EVERY_PAGES = 500
"""Pages of 8 KiB that may be new in SQLite's log file before they are moved into the data file."""
LOG_PAGES_MAX = 8_000
"""At this length the log file is begun anew, between two commits."""

# Keys.
API_KEY_CHARS_MAX = 32
"""The WooCommerce settings field takes no more (contract, section 1)."""
API_KEY_PREFIX = "fw_"
API_KEY_RANDOM_CHARS = 27

# Normal forms of entity values; what is longer is cut or unknown before any work is spent on it.
EMAIL_CHARS_MAX = 320
"""64 for the local part, 255 for the domain, one for the at sign (RFC 5321, 4.5.3.1)."""
PHONE_CHARS_MAX = 64
ADDRESS_LINE_CHARS_MAX = 512
FORWARDED_CHARS_MAX = 512
"""Of a list of addresses as proxies write it; about ten of the longest."""
NAME_CHARS_MAX = 128
AMOUNT_CHARS_MAX = 40
AMOUNTS_CACHED_MAX = 16_384
NORMAL_FORMS_CACHED_MAX = 65_536
"""Per kind of slow normal form; short texts only, so at most about 20 MB each."""
USER_AGENT_CHARS_MAX = 512
"""Of a user agent that are looked at; browsers send up to about 250."""
MESSAGE_CHARS_MAX = 4_096
"""Of a message or review that are looked at."""
DOMAINS_CACHED_MAX = 8_192
IP_PLACES_CACHED_MAX = 65_536
ADDRESSES_CACHED_MAX = 16_384

# Windows.
THINGS_EXACT_MAX = 64
"""Things of one series that an entity keeps one by one; of older distinct marks, as many stand for all."""
LATEST_KEPT_MAX = 4
"""Observations that a series of the latest keeps."""
SERIES_MAX = 4_095
"""Series of all kinds together: twelve bits of an entry."""
KINDS_MAX = 4_096
"""Kinds of entities, combinations included."""
AT_MS_MAX = 2**43
"""Latest time of an observation, and longest window: the year 2248."""
SEQ_MAX = 2**43
"""Greatest ledger position: a million events a second for nearly three hundred days, or a thousand for 280 years."""
QUERIES_MAX = 65_536
"""Queries of one plan."""
SOURCES_MAX = 1_024
"""Keys, and marks, that one plan may name; also entities, and observations, of one addition."""
FORGET_AFTER_DAYS = 400
"""A thing of which nothing was received for so long is forgotten, unless the operator says otherwise."""
FORGET_AFTER_DAYS_MIN = 100
FORGET_AFTER_DAYS_MAX = 36_500
"""As long as buckets tell days apart; every window up to 90 days then sees all that there was."""
FORGOTTEN_PER_STEP = 512
"""Entities that are looked at between two batches for whether their memory can be given back."""
HUB_USERS = 20
"""Users within 30 days beyond which an IP, address, device, card or phone joins nobody: a household, a family business
and a shared flat stay below it, an office, a mobile network's gateway and a pick-up point do not."""
NEIGHBOURS_PER_STEP_MAX = 64
"""Entities of one step of a walk through the neighbourhood."""
NEIGHBOURS_MAX = 256
"""Entities of the whole walk."""

# The language of features, conditions and filters.
EXPRESSION_CHARS_MAX = 8_000
EXPRESSION_NODES_MAX = 1_000
"""Nodes of one tree: names, literals (those of lists included), operators, calls, clauses."""
EXPRESSION_DEPTH_MAX = 48
"""Levels of one tree, and of brackets and signs in its text; keeps every walk over it far from the stack's end."""
EXPRESSION_AGGREGATES_MAX = 32
"""Different aggregates in one expression; each is read from the histories for every event."""
PATTERN_CHARS_MAX = 500
PATTERN_MEMORY_BYTES = 1024 * 1024
PATTERN_TEXT_CHARS_MAX = 4_096
"""Of a text that a pattern is looked for in."""
PATTERNS_CACHED_MAX = 2_048
DIAGNOSTICS_MAX = 20
"""Faults reported of one text."""
WINDOW_MS_MAX = 400 * 24 * 60 * 60 * 1000
"""The longest `last` and `until`: 400 days, a year and a month of slack. Without `last` a window has no end."""
BY_ENTITIES_MAX = 3
"""Entities that one combination is made of (`by user+card`)."""
PREVIOUS_NTH_MAX = 4
"""How many earlier values are kept one by one."""

# Features of a tenant's own.
OWN_FEATURES_MAX = 200
"""Per tenant; all of them are read for each of its decisions."""
OWN_SERIES_MAX = 256
"""Selections of events that one tenant's features keep for themselves."""
OWN_SERIES_OF_ALL_MAX = 3_000
"""The same of all tenants together; the rest of `SERIES_MAX` is for what comes with the program."""
FEATURE_NAME_CHARS_MAX = 64
FEATURE_SAYS_CHARS_MAX = 300
"""Of the sentence for a merchant."""
FEATURE_UNIT_CHARS_MAX = 40
"""Of the unit, and of the reason code."""

# Rules.
RULES_MAX = 500
"""In one set; all that are evaluated are held against each decision."""
RULE_NAME_CHARS_MAX = 64
RULE_SAYS_CHARS_MAX = 300
RULE_EXAMPLES_MAX = 20
"""Of one rule."""
RULE_EXAMPLE_EVENTS_MAX = 50
"""Events that come before the one of an example."""
RULE_ACTIONS_MAX = 8
RULE_POINTS_MAX = 60.0
"""Weight of one rule, either way."""
RULE_AGGREGATES_MAX = 200
"""Different aggregates that one set asks inline; all of them are read for each decision."""
RULE_VERSIONS_SHOWN_MAX = 200
COUNTERFACTUAL_PAIRS_MAX = 60
"""Single changes of which pairs are tried when no single one gives another verdict."""
COUNTERFACTUAL_CHANGES_MAX = 6
"""Changes that together are looked for."""
BRAKE_RECENT = 200
"""Newest decisions in which a rule's hits are counted."""
BRAKE_LEARNED_MIN = 500
"""Decisions before those from which what is usual must have been learned."""
BRAKE_HITS_MIN = 10
BRAKE_USUAL_MAX = 20_000
BRAKE_STORED_MAX = 5_000
"""Stored decisions from which is learned at a start."""
STATISTICS_DECISIONS_MAX = 20_000
"""Newest decisions of a tenant that statistics of rules look at."""
PREVIEW_ORDERS = 1_000
"""Newest orders that a draft is tried over when nobody says how many."""
PREVIEW_ORDERS_MAX = 10_000
PREVIEW_EVENTS_MAX = 40_000
"""Events that are counted again for a draft, of all its orders together."""
PREVIEW_EVENTS_OF_ONE_MAX = 5_000
"""The same of one thing; where it has more, what needs the older ones is unknown."""
PREVIEW_SAMPLES = 10
"""Orders that are named of each kind."""
PREVIEW_SECONDS = 60
"""Beyond it a try is given up."""
PREVIEWS_WAITING_MAX = 4
"""Tries under way or waiting; one goes on at a time."""
LINT_PRODUCTS_MAX = 256
"""Alternatives of one condition that the linter looks at; of more it says nothing."""
REASONS_MAX = 12
"""Reasons shown with a decision, the strongest first."""
POINTS_BOUND = 52.0
"""Points of evidence are bounded to this, either way: no number of weak signs makes a certainty."""

DOCTOR_EVENTS_MAX = 10_000
"""Newest events of a tenant in which `doctor` looks for what features name."""

LABELLING_EVENTS_MAX = 1_000
"""Newest events about one order, and about one user, in which labels are looked for."""

# Policy.
DEADLINE_MS_MAX = 10_000

# Lists.
LISTS_MAX = 200
"""Per tenant."""
LIST_ENTRIES_MAX = 200_000
"""Per tenant, in all of its lists; each takes about 200 bytes of memory."""
LIST_NAME_CHARS_MAX = 64
LIST_VALUE_CHARS_MAX = 1_024
LIST_NOTE_CHARS_MAX = 300
"""Of the sentence about a list, and of the reason for an entry."""
IMPORT_ROWS_MAX = 10_000
"""Rows of one import; a longer file is sent in several."""

# The management API.
IDEMPOTENCY_KEY_CHARS_MAX = 255
CURSOR_CHARS_MAX = 1_024
PAGE_ROWS_MAX = 500
PAGE_ROWS = 100
"""Of a page when the caller does not say."""
LINKS_MAX = 20
"""Things of one kind that are named as linked with an entity."""

# The index.
INDEX_BATCH_EVENTS = 1_024
"""Events of one transaction of the index."""
INDEX_PIECE_EVENTS = 256  # of these, held decoded at one time
INDEX_ORDERS_CACHED = 500
"""Orders that are remembered by what writes the index."""
INDEX_READING_KIB = 4_096  # of the data file kept at hand by it: it reads from one end to the other
INDEX_KNOWN_MAX = 100_000
"""Things and links, twice, of which is remembered that the index has them."""
INDEX_FIELDS_MAX = 16
"""Fields of a shop's own, of one event, that are looked for."""
INDEX_FIELD_CHARS_MAX = 64
"""Of a field's value that is looked for; longer ones are not."""
REASONS_SHOWN = 3
"""Reasons of an order's newest decision that a list of orders shows."""
REASONS_KEPT_MAX = 24
"""Names of its red reasons in the index."""

SEARCH_CHARS_MAX = 200
SEARCH_HITS_MAX = 20
"""Of one kind."""
SEARCH_EVENTS_COUNTED = 100
"""Events that are counted of one hit; where there are as many, there may be more."""
GRAPH_HOPS_MAX = 4
GRAPH_NODES_MAX = 400
GRAPH_EDGES_MAX = 2_000
GRAPH_FANOUT = 20
"""Of one kind, that one node leads to; the newest ones."""
INSIGHT_DAYS_MAX = 400
"""The longest span that is summed up."""
INSIGHT_ORDERS_MAX = 500_000
"""Orders that are summed up, the newest ones of the span."""
INSIGHT_ROWS_MAX = 200
"""Rows of one table."""
REFUSALS_KEPT_MAX = 200
"""Refused events of a tenant that are remembered."""
REFUSALS_TENANTS_MAX = 1_000
"""Tenants whose refused events are."""
QUESTION_THREADS = 2
"""Questions to the index that are answered at the same time."""
QUESTIONS_WAITING_MAX = 64
"""Questions that wait or are being answered; beyond it 503."""
NEAR_EVENTS_MAX = PASSING_EVENTS_MAX = 500
"""So many events the index may lack for a timeline to wait for it; and are looked through where it does not lead."""
COUNTED_ROWS_MAX = 10_000
"""Orders of a list that are counted; where there are as many, there may be more."""

# The console.
GUESSES_MAX = 10
GUESSES_WINDOW_S = 15 * 60.0
"""Wrong passwords or codes for one account, and from one address, within the window; known browsers count apart."""
GUESSERS_MAX = 20_000
"""Accounts, addresses and browsers whose guesses are counted; beyond it the oldest are forgotten."""
HASHES_AT_ONCE = 2
HASHES_WAITING_MAX = 64
PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 256
FORM_FIELDS_MAX = 1_200
"""Of one form; a bulk decision names up to `PAGE_ROWS_MAX` orders."""

CLAIM_MINUTES_MAX = 8 * 60
LOOKING_S = 45.0
"""How long somebody counts as looking at an order after having said so; the console says so every 15 seconds."""
LOOKED_AT_MAX = 10_000
"""Orders of which is known who looks at them."""
PERSON_NAME_CHARS_MAX = 200
VIEW_NAME_CHARS_MAX = 60
VIEW_QUERY_CHARS_MAX = 1_000
VIEWS_MAX = 50
"""Saved views of one user."""

# Deliveries.
DELIVERY_LIFE_MS = 7 * 24 * 60 * 60 * 1000
"""For so long a delivery is tried; then it is parked."""
RETRY_FIRST_MS = 10_000
"""The first retry comes within this, each later one within twice as much as the one before, evenly chosen."""
RETRY_LONGEST_MS = 6 * 60 * 60 * 1000
RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000
"""The longest wait that a receiver may ask for."""
DELIVERY_DEADLINE_S = 15.0
"""One attempt from the look-up of the name to the last byte of the reply."""
REPLY_BYTES_MAX = 64 * 1024
"""A reply with a longer body is a failure."""
REPLY_HEADER_BYTES_MAX = 16 * 1024
REPLY_KEPT_BYTES = 2_048
"""Of a reply that are kept for people to look at."""
RECEIVER_CONNECTIONS_FIRST = 4
"""Attempts under way at a receiver of which nothing is known yet."""
RECEIVER_CONNECTIONS_MAX = 8
"""Attempts under way at one receiver."""
SENDER_CONNECTIONS_MAX = 256
"""Attempts under way at all receivers together."""
RECEIVER_PAUSE_MAX_MS = 60_000
"""How long a receiver that fails again and again is left alone before one more delivery tries it."""
OCCASIONS_AT_ONCE = 200
"""Of which deliveries are made in one transaction."""
DELIVERED_KEPT_MS = 30 * 24 * 60 * 60 * 1000
"""For so long a delivery that arrived can be looked at and sent again; a parked one is kept."""
ENDPOINTS_MAX = 50
"""Webhook endpoints of one tenant."""
SEND_AGAIN_MAX = 10_000
"""Deliveries that one request may send again."""
ATTEMPTS_SHOWN_MAX = 50
TEST_LIFE_MS = 60_000
"""A test is tried for so long."""
ENDPOINT_URL_CHARS_MAX = 2_000
ENDPOINT_DESCRIPTION_CHARS_MAX = 300
SECRET_OVERLAP_HOURS = 24
"""For so long a former secret signs too, unless said otherwise."""
SECRET_OVERLAP_HOURS_MAX = 168
DECISION_MESSAGE_CHARS_MAX = 2_000
"""Of the message, and of the author, with an analyst's decision."""

# Data sets.
HISTORY_PAGE_ROWS = 500
"""Events read from the ledger in one question by a program that goes through all of it."""
GROUP_ROWS = 10_000
"""Rows of a data set that are held in memory and written as one row group."""
LABELS_CACHED_MAX = 4_096
"""Orders and users whose labels are remembered while a data set is built: an order's rows stand near each other."""

# Models.
EXPLORATION_PERCENT_MAX = 20
MODEL_FEATURES_MAX = 200
MODEL_BYTES_MAX = 32 * 1024 * 1024
GOLDEN_ROWS_MAX = 10_000
MODELS_IN_USE_MAX = 64
"""Champions and shadows of all tenants together; what each reads is kept for it."""
MODEL_DECISIONS_REMEMBERED = 2_000
"""Newest vectors of a champion that drift is measured on."""
EXPLAINING_MODELS_MAX = 4
"""Models that do not serve any more and are kept in memory to tell the parts of decisions that they made."""
TREES_MAX = 400
"""Trees of a model that is learned here; 200 take 7 µs for one row of 40 features."""
TRIAL_SECONDS = 30
"""Time in which a model must load and answer its golden rows (R-31)."""
TRIAL_CPU_SECONDS = 5
"""The same of CPU; the largest model takes less than one."""
TRIAL_MEMORY_BYTES = 1024 * 1024 * 1024
"""Address space of a model's trial, besides sixteen times the file."""

assert TRIAL_CPU_SECONDS < TRIAL_SECONDS
assert OWN_SERIES_MAX < SOURCES_MAX  # one plan holds a mark for each
assert OWN_SERIES_OF_ALL_MAX <= SERIES_MAX - 1_000
assert BATCH_WELL_FILLED <= BATCH_MAX < QUEUE_MAX
assert min(RECENT_EVENTS, ORDERS_CACHED_MAX) > 2 * BATCH_MAX  # one batch is being written, one is walking
assert CHECKPOINT_EVERY_PAGES < LOG_PAGES_MAX
assert BATCH_MAX < INDEX_BATCH_EVENTS
assert len(API_KEY_PREFIX) + API_KEY_RANDOM_CHARS <= API_KEY_CHARS_MAX
assert 62**API_KEY_RANDOM_CHARS >= 2**160
assert EXPRESSION_AGGREGATES_MAX < EXPRESSION_NODES_MAX < EXPRESSION_CHARS_MAX
assert HUB_USERS < NEIGHBOURS_PER_STEP_MAX <= min(THINGS_EXACT_MAX, NEIGHBOURS_MAX // 4)  # marks say what is no hub
assert RECEIVER_CONNECTIONS_FIRST <= RECEIVER_CONNECTIONS_MAX < SENDER_CONNECTIONS_MAX
assert RETRY_FIRST_MS < RETRY_LONGEST_MS < RETRY_AFTER_MAX_MS < DELIVERY_LIFE_MS < DELIVERED_KEPT_MS
assert REPLY_KEPT_BYTES < REPLY_BYTES_MAX
assert HEADER_BYTES_MAX < BODY_BYTES_MAX < DRAIN_BYTES_MAX
assert PAGE_ROWS_MAX < FORM_FIELDS_MAX
assert HASHES_AT_ONCE < HASHES_WAITING_MAX
