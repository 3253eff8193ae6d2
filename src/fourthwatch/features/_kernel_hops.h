/* The walk of two hops through a neighbourhood, as hops.py has it in Python.
 *
 * Included once, by `_kernel.c`, behind what reads one history. */

enum { HUB_USERS = 20, NEIGHBOURS_PER_STEP_MAX = 64, NEIGHBOURS_MAX = 256, JOINED = 4, WALKED_SERIES = JOINED + 5 };
#define HUB_WINDOW_MS (30 * DAY)

/* ---- Keys in the order in which they were found, each once: few are searched one by one, more by their spread ---- */

enum { FEW = 16 };
typedef struct { uint64_t few[FEW], *keys; uint32_t *places; size_t count, room; } Keys;

static void begin(Keys *s) {
    s->keys = s->few;
    s->places = NULL;
    s->count = 0;
    s->room = FEW;
}

static void end(Keys *s) {
    if (s->keys != s->few) PyMem_RawFree(s->keys);
    PyMem_RawFree(s->places);
}

/* Where the key stands among the places, or would. */
static size_t place_among(const Kernel *k, const Keys *s, uint64_t key) {
    size_t at = spread(k, key) & (2 * s->room - 1);
    while (s->places[at] && s->keys[s->places[at] - 1] != key) at = (at + 1) & (2 * s->room - 1);
    return at;
}

static bool is_among(const Kernel *k, const Keys *s, uint64_t key) {
    if (s->places) return s->places[place_among(k, s, key)] != 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->keys[i] == key) return true;
    return false;
}

static int widen(const Kernel *k, Keys *s) {
    size_t room = 4 * s->room;
    uint64_t *keys = PyMem_RawMalloc(room * sizeof *keys);
    uint32_t *places = PyMem_RawCalloc(2 * room, sizeof *places);
    if (!keys || !places) {
        PyMem_RawFree(keys), PyMem_RawFree(places);
        PyErr_NoMemory();
        return -1;
    }
    memcpy(keys, s->keys, s->count * sizeof *keys);
    end(s);
    s->keys = keys;
    s->places = places;
    s->room = room;
    for (size_t i = 0; i < s->count; i++) places[place_among(k, s, keys[i])] = (uint32_t)i + 1;
    return 0;
}

static int join_in(const Kernel *k, Keys *s, uint64_t key) {
    if (is_among(k, s, key)) return 0;
    if (s->count == s->room && widen(k, s)) return -1;
    s->keys[s->count++] = key;
    if (s->places) s->places[place_among(k, s, key)] = (uint32_t)s->count;
    return 0;
}

static int join_all(const Kernel *k, Keys *s, const uint64_t *keys, size_t number) {
    for (size_t i = 0; i < number; i++)
        if (join_in(k, s, keys[i])) return -1;
    return 0;
}

/* ---- The walk ---- */

typedef struct {
    const Kernel *k;
    int64_t until_ms;
    unsigned users_of, things_of[JOINED], disputed, won, refused, tags;
    uint64_t told[2]; /* the IP and the address of which it is told whether they are hubs; 0: none */
    bool is_hub[2];
    Keys users, things[JOINED];
} Walk;

/* How many of a run are not older than `reach_ms`, 0 meaning ever. */
static Wide counted(const Walk *w, const Run *r, unsigned series, int64_t reach_ms) {
    Tally tally = {0, 0, INT64_MIN};
    uint64_t end = word_of(series, (uint64_t)w->until_ms + 1, 0);
    int64_t from = !reach_ms || reach_ms > w->until_ms ? 0 : w->until_ms - reach_ms + 1;
    size_t i = r->high;
    while (i > r->low && r->e[i - 1].word >= end) i--;
    tally_down(&tally, r, i, word_of(series, (uint64_t)from, 0), 0, w->k->modes[series] == DISTINCT);
    return tally.count;
}

/* What these users are joined to. */
static int walk_to_things(Walk *w, const uint64_t *users, size_t number) {
    Block *blocks[NEIGHBOURS_PER_STEP_MAX];
    int64_t marks[NEIGHBOURS_PER_STEP_MAX];
    if (number > NEIGHBOURS_PER_STEP_MAX) number = NEIGHBOURS_PER_STEP_MAX;
    fetch(w->k, users, 1, (Py_ssize_t)number, blocks);
    for (size_t i = 0; i < number; i++) {
        for (int t = 0; t < JOINED; t++) {
            Run r = run_of(blocks[i], 0, w->things_of[t]);
            Py_ssize_t found = marks_of(&r, w->until_ms, NEIGHBOURS_PER_STEP_MAX, marks);
            if (join_all(w->k, &w->things[t], (const uint64_t *)marks, (size_t)found)) return -1;
        }
    }
    return 0;
}

/* Whom these things join, but for hubs. */
static int walk_to_users(Walk *w, const uint64_t *things, size_t number) {
    Block *blocks[NEIGHBOURS_PER_STEP_MAX];
    int64_t marks[NEIGHBOURS_PER_STEP_MAX];
    if (number > NEIGHBOURS_PER_STEP_MAX) number = NEIGHBOURS_PER_STEP_MAX;
    fetch(w->k, things, 1, (Py_ssize_t)number, blocks);
    for (size_t i = 0; i < number; i++) {
        Run r = run_of(blocks[i], 0, w->users_of);
        Py_ssize_t found = marks_of(&r, w->until_ms, NEIGHBOURS_PER_STEP_MAX, marks);
        if (found > HUB_USERS && counted(w, &r, w->users_of, HUB_WINDOW_MS) > HUB_USERS) {
            for (int t = 0; t < 2; t++) w->is_hub[t] |= things[i] == w->told[t];
            continue;
        }
        for (Py_ssize_t j = 0; j < found && w->users.count < NEIGHBOURS_MAX; j++)
            if (join_in(w->k, &w->users, (uint64_t)marks[j])) return -1;
    }
    return 0;
}

static int walk_twice(Walk *w, const Keys *ips, size_t own) {
    Keys at_first;
    uint64_t further[NEIGHBOURS_PER_STEP_MAX];
    size_t number = 0;
    begin(&at_first);
    int failed = join_all(w->k, &at_first, ips->keys, ips->count);
    for (int t = 0; t < JOINED && !failed; t++)
        failed = join_all(w->k, &at_first, w->things[t].keys, w->things[t].count);
    failed = failed || walk_to_things(w, w->users.keys, own);
    for (int t = 0; t < JOINED && !failed; t++)
        failed = join_all(w->k, &at_first, w->things[t].keys, w->things[t].count);
    failed = failed || walk_to_users(w, at_first.keys, at_first.count);
    if (!failed && w->users.count > own) {
        failed = walk_to_things(w, w->users.keys + own, w->users.count - own);
        for (int t = 0; t < JOINED; t++)
            for (size_t i = 0; i < w->things[t].count && number < NEIGHBOURS_PER_STEP_MAX; i++)
                if (!is_among(w->k, &at_first, w->things[t].keys[i])) further[number++] = w->things[t].keys[i];
        failed = failed || walk_to_users(w, further, number);
    }
    end(&at_first);
    return failed;
}

/* Of these users: disputed, refused, tagged, any of the three. */
static void walk_records(const Walk *w, const uint64_t *users, size_t number, long *records) {
    Block *blocks[NEIGHBOURS_PER_STEP_MAX];
    for (size_t i = 0; i < number; i++) {
        size_t at = i % NEIGHBOURS_PER_STEP_MAX, left = number - i;
        if (at == 0)
            fetch(w->k, users + i, 1, left < NEIGHBOURS_PER_STEP_MAX ? left : NEIGHBOURS_PER_STEP_MAX, blocks);
        Run disputed = run_of(blocks[at], 0, w->disputed), won = run_of(blocks[at], 0, w->won);
        Run refused = run_of(blocks[at], 0, w->refused), tags = run_of(blocks[at], 0, w->tags);
        size_t known = tags.high;
        while (known > tags.low && time_of(tags.e[known - 1]) > w->until_ms) known--;
        bool is[3] = {counted(w, &disputed, w->disputed, 0) != counted(w, &won, w->won, 0),
                      counted(w, &refused, w->refused, 0) > 0, standing(tags, tags.low, known, known) > 0};
        for (int each = 0; each < 3; each++) records[each] += is[each];
        records[3] += is[0] || is[1] || is[2];
    }
}

static int walked_series(Walk *w, PyObject *o) {
    unsigned *into[WALKED_SERIES] = {&w->users_of, &w->things_of[0], &w->things_of[1], &w->things_of[2],
                                     &w->things_of[3], &w->disputed, &w->won, &w->refused, &w->tags};
    if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) != WALKED_SERIES) {
        PyErr_Format(PyExc_TypeError, "series must be a tuple of %d", WALKED_SERIES);
        return -1;
    }
    for (int i = 0; i < WALKED_SERIES; i++) {
        int64_t series;
        if (series_number(w->k, PyTuple_GET_ITEM(o, i), true, &series)) return -1;
        if (w->k->modes[series] != (i > JOINED && i < WALKED_SERIES - 1 ? ADD : DISTINCT)) {
            PyErr_SetString(PyExc_ValueError, "a series of this mode does not keep what the walk needs");
            return -1;
        }
        *into[i] = (unsigned)series;
    }
    return 0;
}

static int walked_from(Keys *s, const Kernel *k, PyObject *o, bool are_marks) {
    PyObject *fast = sequence(o, "keys must be a sequence", SOURCES_MAX);
    int failed = fast ? 0 : -1;
    for (Py_ssize_t i = 0; !failed && i < PySequence_Fast_GET_SIZE(fast); i++) {
        PyObject *one = PySequence_Fast_GET_ITEM(fast, i);
        int64_t mark = 0;
        uint64_t key = 0;
        failed = are_marks ? number(one, "mark", INT64_MIN, INT64_MAX, &mark) : key_of(one, &key);
        if (!failed && i < NEIGHBOURS_PER_STEP_MAX) failed = join_in(k, s, are_marks ? (uint64_t)mark : key);
    }
    Py_XDECREF(fast);
    return failed;
}

static PyObject *kernel_neighbours(Kernel *k, PyObject *const *args, Py_ssize_t n) {
    Walk w = {.k = k};
    if (arguments(n, 4) || walked_series(&w, args[0]) || number(args[1], "until_ms", 0, AT_MS_MAX, &w.until_ms))
        return NULL;
    if (!PyTuple_Check(args[3]) || PyTuple_GET_SIZE(args[3]) != JOINED + 1)
        return PyErr_Format(PyExc_TypeError, "things must be a tuple of %d", JOINED + 1);
    Keys ips;
    begin(&ips), begin(&w.users);
    for (int t = 0; t < JOINED; t++) begin(&w.things[t]);
    int failed = walked_from(&w.users, k, args[2], true) || walked_from(&ips, k, PyTuple_GET_ITEM(args[3], 0), false);
    for (int t = 0; t < JOINED && !failed; t++)
        failed = walked_from(&w.things[t], k, PyTuple_GET_ITEM(args[3], t + 1), false);
    const Keys *told[2] = {&ips, &w.things[JOINED - 1]};
    for (int t = 0; t < 2; t++) w.told[t] = told[t]->count ? told[t]->keys[0] : 0;
    size_t own = w.users.count;
    failed = failed || walk_twice(&w, &ips, own);
    long records[4] = {0};
    PyObject *found = NULL;
    if (!failed) {
        walk_records(&w, w.users.keys + own, w.users.count - own, records);
        found = Py_BuildValue("(nnnllllNN)", w.users.count - own, w.things[0].count, w.things[1].count, records[0],
                              records[1], records[2], records[3], w.told[0] ? PyFloat_FromDouble(w.is_hub[0]) : none(),
                              w.told[1] ? PyFloat_FromDouble(w.is_hub[1]) : none());
    }
    end(&ips), end(&w.users);
    for (int t = 0; t < JOINED; t++) end(&w.things[t]);
    return found;
}
