/* The compiled kernel of the windows. `specification.py` says in plain Python what it does, and is held against it.
 *
 * This file is what Python sees: arguments, plans, reading, snapshots, the type. `_kernel_state.h` is what is kept,
 * `_kernel_hops.h` the walk through a neighbourhood.
 *
 * No Python code may run between finding a block and the last look at it: arguments are read into C first, and results
 * that need tracked objects (tuples, lists) are made from copies. */

#include "_kernel_state.h"

/* ---- Arguments: whatever is wrong is a TypeError or a ValueError ---- */

static int number(PyObject *o, const char *name, int64_t low, int64_t high, int64_t *out) {
    if (!PyLong_Check(o)) {
        PyErr_Format(PyExc_TypeError, "%s must be an int, not %.80s", name, Py_TYPE(o)->tp_name);
        return -1;
    }
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow || value < low || value > high) {
        PyErr_Format(PyExc_ValueError, "%s must be from %lld to %lld", name, (long long)low, (long long)high);
        return -1;
    }
    *out = value;
    return 0;
}

static int key_of(PyObject *o, uint64_t *out) {
    if (!PyLong_Check(o)) {
        PyErr_Format(PyExc_TypeError, "a key must be an int, not %.80s", Py_TYPE(o)->tp_name);
        return -1;
    }
    *out = PyLong_AsUnsignedLongLong(o);
    if (*out == UINT64_MAX && PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "a key must be from 0 to 2**64 - 1");
        return -1;
    }
    return 0;
}

static int arguments(Py_ssize_t given, Py_ssize_t wanted) {
    if (given == wanted) return 0;
    PyErr_Format(PyExc_TypeError, "%zd arguments are wanted, %zd were given", wanted, given);
    return -1;
}

/* A list or tuple of at most `most`; new reference. */
static PyObject *sequence(PyObject *o, const char *name, Py_ssize_t most) {
    PyObject *fast = PySequence_Fast(o, name);
    if (fast && PySequence_Fast_GET_SIZE(fast) > most) {
        PyErr_Format(PyExc_ValueError, "%s: at most %zd", name, most);
        Py_CLEAR(fast);
    }
    return fast;
}

static PyObject *item(PyObject *fast, Py_ssize_t i, Py_ssize_t width, const char *name) {
    PyObject *o = PySequence_Fast_GET_ITEM(fast, i);
    if (PyTuple_Check(o) && PyTuple_GET_SIZE(o) == width) return o;
    PyErr_Format(PyExc_TypeError, "%s must be tuples of %zd", name, width);
    return NULL;
}

static int series_number(const Kernel *k, PyObject *o, bool defined, int64_t *out) {
    if (number(o, "series", 1, SERIES_MAX, out)) return -1;
    if (!defined || k->modes[*out]) return 0;
    PyErr_Format(PyExc_ValueError, "series %d is not defined", (int)*out);
    return -1;
}

/* ---- Series and routes ---- */

static PyObject *kernel_define(Kernel *k, PyObject *const *args, Py_ssize_t n) {
    int64_t series, mode;
    if (arguments(n, 2) || series_number(k, args[0], false, &series) ||
        number(args[1], "mode", 1, MODES_END - 1, &mode))
        return NULL;
    while (k->dropped[series] && k->sweeping) /* its old entries must be gone before the number means something again */
        if (sweep(k)) return NULL;
    if (k->modes[series] && k->modes[series] != mode)
        return PyErr_Format(PyExc_ValueError, "series %d has another mode already", (int)series);
    k->modes[series] = (uint8_t)mode;
    Py_RETURN_NONE;
}

static PyObject *kernel_route(Kernel *k, PyObject *const *args, Py_ssize_t n) {
    int64_t kind, series;
    if (arguments(n, 3) || number(args[0], "kind", 0, KINDS_MAX - 1, &kind)) return NULL;
    int always = PyObject_IsTrue(args[2]);
    PyObject *fast = always < 0 ? NULL : sequence(args[1], "series must be iterable", SERIES_MAX);
    if (!fast) return NULL;
    Route *route = PyMem_RawCalloc(1, sizeof(Route));
    if (!route) PyErr_NoMemory();
    for (Py_ssize_t i = 0; route && i < PySequence_Fast_GET_SIZE(fast); i++) {
        if (series_number(k, PySequence_Fast_GET_ITEM(fast, i), true, &series)) {
            PyMem_RawFree(route);
            route = NULL;
        } else {
            route->bits[series / 64] |= 1ULL << series % 64;
        }
    }
    Py_DECREF(fast);
    if (!route) return NULL;
    route->always = always;
    k->routes_made += !k->routes[kind];
    PyMem_RawFree(k->routes[kind]);
    k->routes[kind] = route;
    Py_RETURN_NONE;
}

static PyObject *kernel_drop_series(Kernel *k, PyObject *arg) {
    int64_t series;
    if (series_number(k, arg, true, &series)) return NULL;
    k->modes[series] = 0;
    k->dropped[series] = 1;
    k->sweeping = true;
    k->sweep_at = 0;
    for (int kind = 0; kind < KINDS_MAX; kind++)
        if (k->routes[kind]) k->routes[kind]->bits[series / 64] &= ~(1ULL << series % 64);
    Py_RETURN_NONE;
}

/* ---- Adding ---- */

typedef struct { uint64_t key; int64_t kind; } Involved;
typedef struct { int64_t series, mark, amount; } Observation;

/* Runs in which a mark may have counted before, and was folded away. */
typedef struct { int64_t mark; uint64_t (*runs)[2]; Py_ssize_t number, room; } Doubts;

static int doubt(Doubts *d, uint64_t key, int64_t series) {
    if (d->number == d->room) {
        Py_ssize_t room = d->room ? 2 * d->room : 16;
        void *more = PyMem_RawRealloc(d->runs, (size_t)room * sizeof *d->runs);
        if (!more) { PyErr_NoMemory(); return -1; }
        d->runs = more;
        d->room = room;
    }
    d->runs[d->number][0] = key;
    d->runs[d->number++][1] = (uint64_t)series;
    return 0;
}

static int add_to(Kernel *k, Involved who, int64_t seq, int64_t at_ms, const Observation *seen,
                  Py_ssize_t number_seen, bool to_known, Doubts *doubts) {
    const Route *route = k->routes[who.kind];
    bool wanted = route && route->always && !to_known;
    for (Py_ssize_t i = 0; route && !wanted && i < number_seen; i++)
        wanted = route->bits[seen[i].series / 64] >> seen[i].series % 64 & 1;
    if (!wanted) return 0; /* were only known entities touched, the order of events would show */
    Slot *slot = find(k, who.key);
    if (slot && about_to_change(k, slot)) return -1;
    if (slot && slot->block->last_seq < k->forgotten_below) { /* it comes back as a new one */
        take_out(k, slot);
        slot = NULL;
    }
    if (to_known) {
        if (!slot || (uint64_t)seq < slot->block->first_seq) return 0; /* of one that was forgotten since */
    } else {
        if (!slot && ((uint64_t)seq < k->forgotten_below)) return 0;
        if (!slot && !(slot = make(k, who.key, (uint64_t)seq, at_ms))) return -1;
        Block *b = slot->block;
        if ((uint64_t)seq < b->first_seq) b->first_seq = (uint64_t)seq;
        if ((uint64_t)seq > b->last_seq) b->last_seq = (uint64_t)seq;
        if ((uint64_t)at_ms < b->first_ms) b->first_ms = (uint64_t)at_ms;
    }
    for (Py_ssize_t i = 0; i < number_seen; i++) {
        if (!(route->bits[seen[i].series / 64] >> seen[i].series % 64 & 1)) continue;
        int told = put(k, slot, (unsigned)seen[i].series, at_ms, seen[i].mark, seen[i].amount);
        if (told < 0 || (told && seen[i].mark == doubts->mark && doubt(doubts, who.key, seen[i].series))) return -1;
    }
    return 0;
}

static PyObject *doubts_told(const Doubts *d) {
    if (!d->number) Py_RETURN_NONE;
    PyObject *list = PyList_New(d->number);
    for (Py_ssize_t i = 0; list && i < d->number; i++) {
        PyObject *o = Py_BuildValue("(Ki)", (unsigned long long)d->runs[i][0], (int)d->runs[i][1]);
        if (o) PyList_SET_ITEM(list, i, o);
        else Py_CLEAR(list);
    }
    return list;
}

enum { LINE = 64, FETCHED_MAX = 48 * LINE }; /* bytes; a block with two full runs has about so many */

/* Cache misses are most of the cost of a large table: ask for all that will be needed before any is used. A slot is in
 * its home's line or mostly the next. How long a block is, and whether it is forgotten, says its first line; so the rest
 * is asked for when the first lines of all are on their way. */
static void fetch(const Kernel *k, const uint64_t *keys, size_t stride, Py_ssize_t number_of_keys, Block **blocks) {
    for (Py_ssize_t i = 0; i < number_of_keys; i++) {
        uint64_t h = spread(k, keys[i * stride]);
        const Slot *slots = segment_of(k, h)->slots;
        __builtin_prefetch(&slots[h % SLOTS]);
        __builtin_prefetch(&slots[(h + LINE / sizeof(Slot)) % SLOTS]);
    }
    for (Py_ssize_t i = 0; i < number_of_keys; i++) {
        Slot *slot = keys[i * stride] ? find(k, keys[i * stride]) : NULL;
        blocks[i] = slot ? slot->block : NULL;
        __builtin_prefetch(blocks[i]);
    }
    for (Py_ssize_t i = 0; i < number_of_keys; i++) {
        if (blocks[i] && blocks[i]->last_seq < k->forgotten_below) blocks[i] = NULL; /* waits, so it comes last */
        size_t bytes = blocks[i] ? block_size(blocks[i]->count) : 0;
        for (size_t at = LINE; at < bytes && at < FETCHED_MAX; at += LINE) __builtin_prefetch((char *)blocks[i] + at);
    }
}

static PyObject *take_in(Kernel *k, PyObject *const *args, Py_ssize_t n, bool to_known) {
    int64_t seq, at_ms;
    Doubts doubts = {0, NULL, 0, 0};
    if ((n != 5 && arguments(n, 4)) || number(args[0], "seq", 0, SEQ_MAX, &seq) ||
        number(args[1], "at_ms", 0, AT_MS_MAX, &at_ms) ||
        (n == 5 && number(args[4], "mark", INT64_MIN, INT64_MAX, &doubts.mark))) return NULL;
    Involved some_who[STACK_MAX], *who = some_who;
    Observation some_seen[STACK_MAX], *seen = some_seen;
    PyObject *entities = sequence(args[2], "entities must be a sequence", SOURCES_MAX);
    PyObject *observations = entities ? sequence(args[3], "observations must be a sequence", SOURCES_MAX) : NULL;
    int failed = -1;
    if (!observations) goto end;
    Py_ssize_t whos = 0, given = PySequence_Fast_GET_SIZE(entities), seens = PySequence_Fast_GET_SIZE(observations);
    if (given > STACK_MAX) who = PyMem_RawMalloc((size_t)given * sizeof *who);
    if (seens > STACK_MAX) seen = PyMem_RawMalloc((size_t)seens * sizeof *seen);
    if (!who || !seen) { PyErr_NoMemory(); goto end; }
    for (Py_ssize_t i = 0; i < given; i++) {
        PyObject *o = item(entities, i, 2, "entities");
        Involved *w = &who[whos];
        if (!o || number(PyTuple_GET_ITEM(o, 0), "kind", 0, KINDS_MAX - 1, &w->kind) ||
            key_of(PyTuple_GET_ITEM(o, 1), &w->key)) goto end;
        bool again = w->key == 0; /* not said; or said twice, which is once */
        for (Py_ssize_t j = 0; j < whos && !again; j++) again = who[j].key == w->key && who[j].kind == w->kind;
        whos += !again;
    }
    for (Py_ssize_t i = 0; i < seens; i++) {
        PyObject *o = item(observations, i, 3, "observations");
        Observation *s = &seen[i];
        if (!o || series_number(k, PyTuple_GET_ITEM(o, 0), true, &s->series) ||
            number(PyTuple_GET_ITEM(o, 1), "mark", INT64_MIN, INT64_MAX, &s->mark) ||
            number(PyTuple_GET_ITEM(o, 2), "amount", INT64_MIN, INT64_MAX, &s->amount)) goto end;
        if (s->mark == 0) { PyErr_SetString(PyExc_ValueError, "a mark must not be 0"); goto end; }
    }
    Block *blocks[STACK_MAX];
    fetch(k, &who->key, sizeof *who / sizeof(uint64_t), whos < STACK_MAX ? whos : STACK_MAX, blocks);
    failed = k->sweeping ? sweep(k) : 0;
    for (Py_ssize_t i = 0; i < whos && !failed; i++)
        failed = add_to(k, who[i], seq, at_ms, seen, seens, to_known, &doubts);
end:
    if (who != some_who) PyMem_RawFree(who);
    if (seen != some_seen) PyMem_RawFree(seen);
    Py_XDECREF(entities);
    Py_XDECREF(observations);
    PyObject *told = failed ? NULL : doubts_told(&doubts);
    PyMem_RawFree(doubts.runs);
    return told;
}

static PyObject *kernel_add(Kernel *k, PyObject *const *args, Py_ssize_t n) { return take_in(k, args, n, false); }
static PyObject *kernel_add_to_known(Kernel *k, PyObject *const *args, Py_ssize_t n) { return take_in(k, args, n, true); }

/* ---- Plans: queries sorted so that one pass over a run answers all windows that end at the same time ---- */

typedef struct { int64_t from_ms; int32_t answer; uint8_t op; } Question;
typedef struct { int64_t to_ms; int32_t source, series, without, number; uint8_t mode; bool together; } Cell;
typedef struct { Cell cell; Question question; } Asked;
typedef struct { Py_ssize_t sources, marks, questions; Asked asked[]; } Plan; /* a cell is that of its first question */

static bool answers(uint8_t mode, int64_t op) {
    if (op == STANDING) return mode == DISTINCT;
    if (mode == PEAK) return op != SUM && op != MEAN;
    return !(mode == ADD && op == GREATEST) && !(mode == FIRST && op == HOLDS);
}

static int compare_asked(const void *left, const void *right) {
    const Asked *a = left, *b = right;
#define BY(field) if (a->field != b->field) return a->field < b->field ? -1 : 1
    BY(cell.source); BY(cell.series); BY(cell.together); BY(cell.to_ms); BY(cell.without);
    BY(question.from_ms); BY(question.answer);
#undef BY
    return 0;
}

static int read_query(const Kernel *k, PyObject *o, Asked *a) {
    int64_t source, series, op, from_ms, to_ms, without;
    if (number(PyTuple_GET_ITEM(o, 0), "source", 0, SOURCES_MAX - 1, &source) ||
        number(PyTuple_GET_ITEM(o, 2), "op", COUNT, AGE, &op) ||
        number(PyTuple_GET_ITEM(o, 1), "series", op == AGE ? 0 : 1, SERIES_MAX, &series) ||
        number(PyTuple_GET_ITEM(o, 3), "from_age_ms", 0, AT_MS_MAX, &from_ms) ||
        number(PyTuple_GET_ITEM(o, 4), "to_age_ms", 0, AT_MS_MAX, &to_ms) ||
        number(PyTuple_GET_ITEM(o, 5), "without", -1, SOURCES_MAX - 1, &without)) return -1;
    bool nth = op == LATEST_AMOUNT || op == LATEST_MARK;
    const char *wrong = op != AGE && !k->modes[series] ? "the series is not defined"
        : op != AGE && !answers(k->modes[series], op) ? "a series of this mode does not keep what the op needs"
        : nth && to_ms >= LATEST_MAX ? "to_age_ms says which of the newest four"
        : !nth && from_ms && from_ms <= to_ms ? "the window is empty"
        : op == HOLDS && without < 0 ? "HOLDS needs a mark" : NULL;
    if (wrong) { PyErr_SetString(PyExc_ValueError, wrong); return -1; }
    a->cell = (Cell){to_ms, (int32_t)source, (int32_t)series, (int32_t)without, 1, k->modes[series], op <= GREATEST};
    a->question = (Question){from_ms ? from_ms : INT64_MAX, 0, (uint8_t)op};
    return 0;
}

#define PLAN_NAME "fourthwatch.features._kernel.plan"
static void free_plan(PyObject *capsule) { PyMem_RawFree(PyCapsule_GetPointer(capsule, PLAN_NAME)); }

static PyObject *kernel_plan(Kernel *k, PyObject *arg) {
    PyObject *fast = sequence(arg, "queries must be a sequence", QUERIES_MAX), *capsule = NULL;
    if (!fast) return NULL;
    Py_ssize_t questions = PySequence_Fast_GET_SIZE(fast);
    Plan *plan = PyMem_RawCalloc(1, sizeof(Plan) + (size_t)questions * sizeof(Asked));
    if (!plan) { PyErr_NoMemory(); goto end; }
    plan->questions = questions;
    for (Py_ssize_t i = 0; i < questions; i++) {
        PyObject *o = item(fast, i, 6, "queries");
        if (!o || read_query(k, o, &plan->asked[i])) goto end;
        plan->asked[i].question.answer = (int32_t)i;
        const Cell *c = &plan->asked[i].cell;
        if (c->source >= plan->sources) plan->sources = c->source + 1;
        if (c->without >= plan->marks) plan->marks = c->without + 1;
    }
    qsort(plan->asked, (size_t)questions, sizeof(Asked), compare_asked);
    for (Py_ssize_t i = 0, first = 0; i < questions; i++) {
        const Cell *a = &plan->asked[first].cell, *b = &plan->asked[i].cell;
        bool same = i > first && b->together && a->together && a->source == b->source && a->series == b->series &&
                    a->to_ms == b->to_ms && a->without == b->without;
        if (same) plan->asked[first].cell.number++;
        else first = i;
    }
    capsule = PyCapsule_New(plan, PLAN_NAME, free_plan);
end:
    if (!capsule) PyMem_RawFree(plan);
    Py_DECREF(fast);
    return capsule;
}

/* ---- Reading ---- */

typedef struct {
    const Block *block; /* NULL: an entity never heard of */
    const Entry *e;
    size_t low, high; /* the run, without its level */
    size_t single;    /* from here on every entry stands for itself alone */
    int level;
} Run;

static Run run_of(const Block *b, size_t from, unsigned series) {
    Run r = {b, NULL, 0, 0, 0, 0};
    if (!b) return r;
    r.e = b->entries;
    r.low = lower(r.e, from, b->count, (uint64_t)series << 48);
    r.high = r.low; /* most runs are short: step first, then halve */
    while (r.high < b->count && r.high < r.low + 8 && series_of(r.e[r.high]) == series) r.high++;
    if (r.high == r.low + 8) r.high = lower(r.e, r.high, b->count, (uint64_t)(series + 1) << 48);
    if (r.high > r.low && flag_of(r.e[r.high - 1]) == LEVEL) r.level = (int)r.e[--r.high].mark;
    r.single = r.high - r.low > EXACT_MAX ? r.high - EXACT_MAX : r.low;
    return r;
}

static PyObject *clamped(Wide value) {
    return PyLong_FromLongLong(value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value);
}

static PyObject *none(void) { return Py_NewRef(Py_None); }

typedef struct { Wide count, sum; int64_t greatest; } Tally;

/* Into the tally goes what is newer than `bound`, from place `i` downwards; returns where it stopped. */
static size_t tally_down(Tally *tally, const Run *r, size_t i, uint64_t bound, int64_t without, bool is_distinct) {
    int64_t single = 0, greatest = tally->greatest;
    Wide sum = tally->sum;
    for (; i > r->single && r->e[i - 1].word >= bound; i--) {
        const Entry *e = &r->e[i - 1];
        if (e->mark == without) continue; /* no mark is 0, so 0 leaves nothing out */
        single++;
        sum += e->amount;
        if (e->amount > greatest) greatest = e->amount;
    }
    tally->count += single;
    for (; i > r->low && i <= r->single && r->e[i - 1].word >= bound; i--) {
        Entry e = r->e[i - 1];
        tally->count += is_distinct ? (Wide)1 << r->level : bucket_count(e);
        sum += is_distinct ? e.amount * ((Wide)1 << r->level) : bucket_sum(e);
        if (e.amount > greatest) greatest = e.amount;
    }
    tally->sum = sum;
    tally->greatest = greatest;
    return i;
}

/* All windows of a cell in one pass from the newest entry to older ones; the questions are sorted by their reach. */
static int answer_windows(PyObject *list, const Asked *first, const Run *r, int64_t until_ms, int64_t without) {
    Tally tally = {0, 0, INT64_MIN};
    unsigned series = (unsigned)first->cell.series;
    int64_t latest = until_ms - first->cell.to_ms;
    uint64_t end = latest < 0 ? 0 : word_of(series, (uint64_t)latest + 1, 0);
    size_t i = r->high;
    while (i > r->low && r->e[i - 1].word >= end) i--;
    for (int32_t q = 0; q < first->cell.number; q++) {
        const Question *question = &first[q].question;
        int64_t from = question->from_ms > until_ms ? 0 : until_ms - question->from_ms + 1;
        i = tally_down(&tally, r, i, word_of(series, (uint64_t)from, 0), without, first->cell.mode == DISTINCT);
        PyObject *answer;
        switch (question->op) {
        case COUNT: answer = clamped(tally.count); break;
        case SUM: answer = clamped(tally.sum); break;
        case MEAN: answer = tally.count ? PyFloat_FromDouble((double)tally.sum / (double)tally.count) : none(); break;
        default: answer = tally.count ? PyLong_FromLongLong(tally.greatest) : none();
        }
        if (!answer) return -1;
        PyList_SET_ITEM(list, question->answer, answer);
    }
    return 0;
}

static PyObject *since(const Block *b, Entry e, int64_t until_ms) {
    int64_t at_ms = time_of(e) > (int64_t)b->first_ms ? time_of(e) : (int64_t)b->first_ms; /* a bucket begins earlier */
    return PyLong_FromLongLong(at_ms > until_ms ? 0 : until_ms - at_ms);
}

static PyObject *holds(Run r, size_t low, size_t high, size_t known, int64_t after, const Cell *c, int64_t mark) {
    if (mark == 0 || r.low == known) return none();
    size_t at = low;
    while (at < high && !(r.e[at].mark == mark && flag_of(r.e[at]) == EXACT)) at++;
    if (at < high) return PyLong_FromLong(1);
    bool forgets = c->mode == LATEST ? r.high - r.low == LATEST_MAX
        : c->mode == DISTINCT ? level_of(mark) < r.level : r.single > r.low;
    return forgets && after < time_of(r.e[r.single]) ? none() : PyLong_FromLong(0);
}

static Wide standing(Run r, size_t low, size_t high, size_t known) {
    Wide count = 0;
    int64_t ended_ms = -1;
    for (size_t i = r.low; i < known; i++)
        if (r.e[i].mark == ALL) ended_ms = time_of(r.e[i]);
    for (size_t i = low; i < high; i++)
        if (r.e[i].mark != ALL && r.e[i].amount > 0 && time_of(r.e[i]) > ended_ms)
            count += (Wide)1 << (i < r.single ? r.level : 0);
    return count;
}

static PyObject *answer_one(const Asked *a, Run r, int64_t until_ms, int64_t mark) {
    const Cell *c = &a->cell;
    uint8_t op = a->question.op;
    int64_t from_ms = a->question.from_ms, after = from_ms > until_ms ? -1 : until_ms - from_ms;
    bool nth = op == LATEST_AMOUNT || op == LATEST_MARK;
    if (!r.block) return op == STANDING ? PyLong_FromLong(0) : none();
    if (op == AGE)
        return (int64_t)r.block->first_ms > until_ms ? none() : PyLong_FromLongLong(until_ms - r.block->first_ms);
    size_t known = r.high, low, high;
    while (known > r.low && time_of(r.e[known - 1]) > until_ms) known--;
    for (high = known; !nth && high > r.low && time_of(r.e[high - 1]) > until_ms - c->to_ms;) high--;
    for (low = high; low > r.low && time_of(r.e[low - 1]) > after;) low--;
    if (op == HOLDS) return holds(r, low, high, known, after, c, mark);
    if (op == STANDING) return clamped(standing(r, low, high, known));
    if (low == high) return none();
    if (op == SINCE_LAST) return since(r.block, r.e[high - 1], until_ms);
    if (op == SINCE_FIRST) return since(r.block, r.e[low], until_ms);
    if ((int64_t)(high - low) <= c->to_ms) return none();
    Entry e = r.e[high - 1 - (size_t)c->to_ms];
    return flag_of(e) == FOLDED ? none() : PyLong_FromLongLong(op == LATEST_MARK ? e.mark : e.amount);
}

/* The newest marks of a run, which were not folded or let go. */
static Py_ssize_t marks_of(const Run *r, int64_t until_ms, Py_ssize_t cap, int64_t *marks) {
    Py_ssize_t kept = 0;
    for (size_t i = r->high; i > r->low && kept < cap; i--)
        if (time_of(r->e[i - 1]) <= until_ms && flag_of(r->e[i - 1]) == EXACT) marks[kept++] = r->e[i - 1].mark;
    return kept;
}

static int answer_all(const Kernel *k, PyObject *list, const Plan *plan, int64_t until_ms, const uint64_t *keys,
                      Block *const *blocks, const int64_t *marks) {
    int32_t source = -1;
    const Block *b = NULL;
    Run r = {0};
    for (Py_ssize_t i = 0; i < plan->questions;) {
        const Asked *first = &plan->asked[i];
        const Cell *c = &first->cell;
        i += c->number;
        if (c->source != source) {
            source = c->source;
            b = blocks[source];
            r = run_of(b, 0, (unsigned)c->series);
        } else if (c->series != first[-1].cell.series) {
            r = run_of(b, r.high, (unsigned)c->series);
        }
        int64_t mark = c->without < 0 ? 0 : marks[c->without];
        bool unknown = keys[source] == 0 || (k->modes[c->series] != c->mode && first->question.op != AGE);
        if (!unknown && c->together) {
            if (answer_windows(list, first, &r, until_ms, mark)) return -1;
            continue;
        }
        for (int32_t q = 0; q < c->number; q++) {
            PyObject *answer = unknown ? none() : answer_one(first, r, until_ms, mark);
            if (!answer) return -1;
            PyList_SET_ITEM(list, first[q].question.answer, answer);
        }
    }
    return 0;
}

static PyObject *kernel_read(Kernel *k, PyObject *const *args, Py_ssize_t n) {
    int64_t until_ms, marks[SOURCES_MAX];
    uint64_t keys[SOURCES_MAX];
    Block *blocks[SOURCES_MAX];
    if (arguments(n, 4) || number(args[1], "until_ms", 0, AT_MS_MAX, &until_ms)) return NULL;
    const Plan *plan = PyCapsule_CheckExact(args[0]) ? PyCapsule_GetPointer(args[0], PLAN_NAME) : NULL;
    if (!plan) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "the first argument must be a plan");
    PyObject *key_list = sequence(args[2], "keys must be a sequence", SOURCES_MAX), *list = NULL;
    PyObject *mark_list = key_list ? sequence(args[3], "marks must be a sequence", SOURCES_MAX) : NULL;
    if (!mark_list) goto end;
    Py_ssize_t sources = PySequence_Fast_GET_SIZE(key_list), given = PySequence_Fast_GET_SIZE(mark_list);
    if (sources < plan->sources || given < plan->marks) {
        PyErr_Format(PyExc_ValueError, "the plan wants %zd keys and %zd marks", plan->sources, plan->marks);
        goto end;
    }
    for (Py_ssize_t i = 0; i < sources; i++)
        if (key_of(PySequence_Fast_GET_ITEM(key_list, i), &keys[i])) goto end;
    for (Py_ssize_t i = 0; i < given; i++)
        if (number(PySequence_Fast_GET_ITEM(mark_list, i), "mark", INT64_MIN, INT64_MAX, &marks[i])) goto end;
    list = PyList_New(plan->questions); /* from here on only ints and floats are made, and no other code runs */
    fetch(k, keys, 1, sources, blocks);
    if (list && answer_all(k, list, plan, until_ms, keys, blocks, marks)) Py_CLEAR(list);
end:
    Py_XDECREF(key_list);
    Py_XDECREF(mark_list);
    return list;
}

#include "_kernel_hops.h"

/* ---- Single entities ---- */

/* 1 found, 0 not there, -1 not a key. */
static int look_up(Kernel *k, PyObject *arg, Slot **slot) {
    uint64_t key;
    if (key_of(arg, &key)) return -1;
    *slot = key ? find_known(k, key) : NULL;
    return *slot != NULL;
}

static PyObject *kernel_knows(Kernel *k, PyObject *arg) {
    Slot *slot;
    int found = look_up(k, arg, &slot);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *kernel_first_seq(Kernel *k, PyObject *arg) {
    Slot *slot;
    int found = look_up(k, arg, &slot);
    return found < 0 ? NULL : found ? PyLong_FromUnsignedLongLong(slot->block->first_seq) : none();
}

static PyObject *kernel_first_ms(Kernel *k, PyObject *arg) {
    Slot *slot;
    int found = look_up(k, arg, &slot);
    return found < 0 ? NULL : found ? PyLong_FromUnsignedLongLong(slot->block->first_ms) : none();
}

static PyObject *kernel_remove(Kernel *k, PyObject *arg) {
    Slot *slot;
    int found = look_up(k, arg, &slot);
    if (found < 0 || (found && about_to_change(k, slot))) return NULL;
    if (found) take_out(k, slot);
    return PyBool_FromLong(found);
}

static PyObject *kernel_take_back(Kernel *k, PyObject *const *args, Py_ssize_t n) {
    int64_t series, at_ms, amount;
    Slot *slot;
    if (arguments(n, 4) || series_number(k, args[1], true, &series) ||
        number(args[2], "at_ms", 0, AT_MS_MAX, &at_ms) || number(args[3], "amount", INT64_MIN, INT64_MAX, &amount))
        return NULL;
    int found = look_up(k, args[0], &slot);
    if (found < 0 || (found && about_to_change(k, slot))) return NULL;
    uint8_t mode = k->modes[series];
    if (!found || (mode != ADD && mode != PEAK)) Py_RETURN_FALSE;
    Block *b = slot->block;
    size_t low = lower(b->entries, 0, b->count, (uint64_t)series << 48);
    size_t high = lower(b->entries, low, b->count, (uint64_t)(series + 1) << 48);
    Entry old = {word_of((unsigned)series, (uint64_t)at_ms, EXACT), 1, amount};
    return PyBool_FromLong(take_back(k, slot, low, high, old, mode == PEAK));
}

static PyObject *kernel_entries(Kernel *k, PyObject *arg) {
    Slot *slot;
    int found = look_up(k, arg, &slot);
    if (found < 0) return NULL;
    size_t count = found ? slot->block->count : 0, kept = 0;
    Entry *copy = PyMem_RawMalloc((count + 1) * sizeof(Entry));
    if (!copy) return PyErr_NoMemory();
    for (size_t i = 0; i < count; i++)
        if (k->modes[series_of(slot->block->entries[i])]) copy[kept++] = slot->block->entries[i];
    PyObject *list = PyList_New((Py_ssize_t)kept);
    for (size_t i = 0; list && i < kept; i++) {
        Entry e = copy[i];
        PyObject *o = Py_BuildValue("(iLiLL)", (int)series_of(e), flag_of(e) == LEVEL ? 0LL : (long long)time_of(e),
                                    (int)flag_of(e), (long long)e.mark, (long long)e.amount);
        if (o) PyList_SET_ITEM(list, (Py_ssize_t)i, o);
        else Py_CLEAR(list);
    }
    PyMem_RawFree(copy);
    return list;
}

static PyObject *kernel_marks(Kernel *k, PyObject *const *args, Py_ssize_t n) {
    int64_t series, until_ms, cap;
    Slot *slot;
    if (arguments(n, 4) || series_number(k, args[1], true, &series) ||
        number(args[2], "until_ms", 0, AT_MS_MAX, &until_ms) || number(args[3], "cap", 0, INT32_MAX, &cap))
        return NULL;
    int found = look_up(k, args[0], &slot);
    if (found < 0) return NULL;
    int64_t marks[2 * EXACT_MAX];
    Run r = run_of(found ? slot->block : NULL, 0, (unsigned)series);
    Py_ssize_t kept = marks_of(&r, until_ms, cap < 2 * EXACT_MAX ? cap : 2 * EXACT_MAX, marks);
    PyObject *list = PyList_New(kept);
    for (Py_ssize_t i = 0; list && i < kept; i++) {
        PyObject *o = PyLong_FromLongLong(marks[i]);
        if (o) PyList_SET_ITEM(list, i, o);
        else Py_CLEAR(list);
    }
    return list;
}

static PyObject *kernel_forget(Kernel *k, PyObject *arg) {
    int64_t below;
    if (number(arg, "below", 0, SEQ_MAX, &below)) return NULL;
    if ((uint64_t)below > k->forgotten_below) k->forgotten_below = (uint64_t)below;
    Py_RETURN_NONE;
}

static PyObject *kernel_take_out_forgotten(Kernel *k, PyObject *arg) {
    int64_t limit, seen = 0;
    if (number(arg, "limit", 1, INT64_MAX, &limit)) return NULL;
    Py_ssize_t had = k->entities;
    uint64_t start = k->expire_at;
    do {
        Segment *s = segment_of(k, k->expire_at);
        seen += s->used + 1;
        for (int i = 0; i < SLOTS;) { /* taking one out may move another one here, so look again */
            Slot *slot = &s->slots[i];
            if (!slot->key || slot->block->last_seq >= k->forgotten_below) { i++; continue; }
            if (about_to_change(k, slot)) return NULL;
            take_out(k, slot);
        }
        k->expire_at = behind(s, k->expire_at);
    } while (seen < limit && k->expire_at != start);
    return PyLong_FromSsize_t(had - k->entities);
}

static PyObject *kernel_memory_bytes(Kernel *k, PyObject *unused) {
    (void)unused;
    return PyLong_FromSsize_t((Py_ssize_t)(sizeof(Kernel) + (sizeof(void *) << k->depth) + k->pending_room * 8) +
                              k->segments * (Py_ssize_t)sizeof(Segment) + k->block_bytes +
                              k->routes_made * (Py_ssize_t)sizeof(Route));
}

static Py_ssize_t kernel_length(PyObject *self) { return ((Kernel *)self)->entities; }

/* ---- Snapshots: slices of whole records, as of the beginning; an entity that changes is saved before it does ---- */

static uint64_t checksum(const char *words, size_t number_of_words) {
    uint64_t sum = MAGIC, word;
    for (size_t i = 0; i < number_of_words; i++) {
        memcpy(&word, words + 8 * i, 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
        sum ^= sum >> 29;
    }
    return sum;
}

static PyObject *kernel_begin_snapshot(Kernel *k, PyObject *unused) {
    (void)unused;
    if (k->snapshot) return PyErr_Format(PyExc_ValueError, "a snapshot is being taken already");
    k->epoch = (k->epoch + 1) & ((1 << 20) - 1);
    if (k->epoch == 0) { /* once in a million: no old number may be taken for the new one */
        for (uint64_t h = 0, i = 0; i == 0 || h; i++, h = behind(segment_of(k, h), h))
            for (int s = 0; s < SLOTS; s++)
                if (segment_of(k, h)->slots[s].key) segment_of(k, h)->slots[s].block->epoch = 0;
        k->epoch = 1;
    }
    k->snapshot = true;
    k->slices_done = false;
    k->slice_at = 0;
    k->pending_words = k->pending_at = 0;
    Py_RETURN_NONE;
}

static PyObject *kernel_next_slice(Kernel *k, PyObject *arg) {
    int64_t bytes_max;
    if (number(arg, "max_bytes", 1, 1LL << 32, &bytes_max)) return NULL;
    if (!k->snapshot) return PyErr_Format(PyExc_ValueError, "no snapshot is being taken");
    while (!k->slices_done && (int64_t)(k->pending_words - k->pending_at) * 8 < bytes_max) {
        Segment *s = segment_of(k, k->slice_at);
        for (int i = 0; i < SLOTS; i++)
            if (s->slots[i].key && about_to_change(k, &s->slots[i])) return NULL;
        k->slice_at = behind(s, k->slice_at);
        k->slices_done = k->slice_at == 0;
    }
    size_t end = k->pending_at;
    while (end < k->pending_words) {
        size_t next = end + 4 + 3 * (k->pending[end + 2] & ((1 << 20) - 1));
        if (end > k->pending_at && (int64_t)(next - k->pending_at + 3) * 8 > bytes_max) break;
        end = next;
    }
    if (end == k->pending_at) return PyBytes_FromStringAndSize(NULL, 0);
    size_t words = end - k->pending_at;
    const char *from = (const char *)(k->pending + k->pending_at);
    uint64_t head[3] = {MAGIC, words, checksum(from, words)};
    PyObject *slice = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(words + 3) * 8);
    if (!slice) return NULL;
    memcpy(PyBytes_AS_STRING(slice), head, sizeof head);
    memcpy(PyBytes_AS_STRING(slice) + sizeof head, from, words * 8);
    k->pending_at = end;
    if (k->pending_at > k->pending_words / 2) { /* what was handed out makes room, at no more than a copy per word */
        k->pending_words -= k->pending_at;
        memmove(k->pending, k->pending + k->pending_at, k->pending_words * 8);
        k->pending_at = 0;
    }
    return slice;
}

static PyObject *kernel_end_snapshot(Kernel *k, PyObject *unused) {
    (void)unused;
    PyMem_RawFree(k->pending);
    k->pending = NULL;
    k->pending_room = k->pending_words = k->pending_at = 0;
    k->snapshot = false;
    Py_RETURN_NONE;
}

/* Whether the run could have come about: what every function above relies on, and what keeps numbers from being odd. */
static bool is_possible(uint8_t mode, const Entry *e, size_t n) {
    size_t end = n - (flag_of(e[n - 1]) == LEVEL), older = end > EXACT_MAX ? end - EXACT_MAX : 0, reaching = 0;
    if (end == 0) return false;
    if (end < n && (mode != DISTINCT || end < EXACT_MAX || e[end].mark < 1 || e[end].mark > LEVEL_MAX + 1 ||
                    e[end].amount || time_of(e[end]) != (int64_t)LEVEL_TIME)) return false;
    if ((mode == DISTINCT && (end > 2 * EXACT_MAX || (end == n && older))) || (mode == LATEST && n > LATEST_MAX) ||
        (mode == FIRST && n > 1)) return false;
    for (size_t i = 0; i < end; i++) {
        bool folded = (mode == ADD || mode == PEAK) && i < older;
        if (flag_of(e[i]) != (folded ? FOLDED : EXACT) || time_of(e[i]) > AT_MS_MAX || (i && !before(e[i - 1], e[i])))
            return false;
        if (folded ? bucket_count(e[i]) == 0 || (mode == PEAK && e[i].mark >> COUNT_BITS) ||
                     bucket_start(time_of(e[i]), time_of(e[end - 1])) != time_of(e[i]) ||
                     (i && e[i - 1].word == e[i].word)
                   : e[i].mark == 0) return false;
        if (mode == DISTINCT && end < n) {
            reaching += level_of(e[i].mark) >= e[end].mark;
            if (i < older && level_of(e[i].mark) < e[end].mark) return false;
        }
        if (mode != LATEST && !folded && place_of_mark(e, mode == DISTINCT ? 0 : older, i, e[i].mark) < i) return false;
    }
    return reaching <= EXACT_MAX;
}

/* One record into the table; how many words it had, 0 when it is wrong (with or without an error set). */
static size_t restore(Kernel *k, const char *words, size_t left) {
    uint64_t head[4];
    if (left < 4) return 0;
    memcpy(head, words, sizeof head);
    size_t count = head[2] & ((1 << 20) - 1);
    uint64_t first_ms = head[2] >> 20;
    if (!head[0] || head[1] > head[3] || head[3] > SEQ_MAX || first_ms > AT_MS_MAX) return 0;
    if ((left - 4) / 3 < count || find(k, head[0])) return 0;
    Slot *slot = make(k, head[0], head[1], (int64_t)first_ms);
    if (!slot || reserve(slot, count)) goto wrong;
    Block *b = slot->block;
    b->last_seq = head[3];
    memcpy(b->entries, words + sizeof head, count * sizeof(Entry));
    set_count(k, b, count);
    for (size_t low = 0, high; low < count; low = high) {
        unsigned series = series_of(b->entries[low]);
        if (series < 1 || series > SERIES_MAX || (low && b->entries[low - 1].word >= b->entries[low].word)) goto wrong;
        for (high = low; high < count && series_of(b->entries[high]) == series;) high++;
        if (k->modes[series] && !is_possible(k->modes[series], b->entries + low, high - low)) goto wrong;
        for (size_t i = low; i < high; i++)
            if (flag_of(b->entries[i]) == EXACT && time_of(b->entries[i]) < (int64_t)first_ms) goto wrong;
    }
    purge(k, slot); /* of series that are not defined any more */
    return 4 + 3 * count;
wrong:
    if (slot) take_out(k, slot);
    return 0;
}

static PyObject *kernel_load(Kernel *k, PyObject *arg) {
    if (k->snapshot) return PyErr_Format(PyExc_ValueError, "a snapshot is being taken");
    if (!PyBytes_Check(arg)) return PyErr_Format(PyExc_TypeError, "a slice is bytes");
    const char *bytes = PyBytes_AS_STRING(arg);
    size_t words = (size_t)PyBytes_GET_SIZE(arg) / 8, at = 3;
    uint64_t head[3] = {0};
    if (words >= 3) memcpy(head, bytes, sizeof head);
    bool whole = PyBytes_GET_SIZE(arg) % 8 == 0 && words > 3 && head[0] == MAGIC && head[1] == words - 3 &&
                 head[2] == checksum(bytes + 24, words - 3);
    for (size_t used; whole && at < words; at += used) {
        used = restore(k, bytes + 8 * at, words - at);
        if (used == 0) break;
    }
    if (whole && at == words) Py_RETURN_NONE;
    for (size_t back = 3; whole && back < at;) { /* what came before the damage goes again: all or nothing */
        uint64_t record[3];
        memcpy(record, bytes + 8 * back, sizeof record);
        take_out(k, find(k, record[0]));
        back += 4 + 3 * (record[2] & ((1 << 20) - 1));
    }
    if (PyErr_Occurred()) return NULL;
    return PyErr_Format(PyExc_ValueError, "the slice is damaged at word %zu", whole ? at : (size_t)0);
}

/* ---- The type and the module ---- */

static void kernel_dealloc(PyObject *self) {
    Kernel *k = (Kernel *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (uint64_t i = 0; k->directory && i < 1ULL << k->depth;) {
        Segment *s = k->directory[i];
        i += 1ULL << (k->depth - s->depth);
        for (int j = 0; j < SLOTS; j++) PyMem_RawFree(s->slots[j].block);
        PyMem_RawFree(s);
    }
    PyMem_RawFree(k->directory);
    for (int i = 0; i < KINDS_MAX; i++) PyMem_RawFree(k->routes[i]);
    PyMem_RawFree(k->pending);
    type->tp_free(self);
    Py_DECREF(type);
}

/* The seed of Python's own string hashes is what an outsider does not know. */
static int make_secret(Kernel *k) {
    for (int i = 0; i < 2; i++) {
        PyObject *text = PyUnicode_FromString(i ? "fourthwatch table" : "fourthwatch kernel");
        Py_hash_t hash = text ? PyObject_Hash(text) : -1;
        Py_XDECREF(text);
        if (hash == -1 && PyErr_Occurred()) return -1;
        k->secret[i] = (uint64_t)hash;
    }
    return 0;
}

static PyObject *kernel_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    PyObject *modes;
    if (names && PyDict_GET_SIZE(names)) return PyErr_Format(PyExc_TypeError, "arguments have no names");
    if (!PyArg_ParseTuple(args, "O:Kernel", &modes)) return NULL;
    PyObject *fast = sequence(modes, "modes must be a sequence", SERIES_MAX + 1);
    Kernel *k = fast ? (Kernel *)type->tp_alloc(type, 0) : NULL;
    bool whole = k && !make_secret(k);
    for (Py_ssize_t i = 0; whole && i < PySequence_Fast_GET_SIZE(fast); i++) {
        int64_t mode = 0;
        whole = !number(PySequence_Fast_GET_ITEM(fast, i), "mode", 0, MODES_END - 1, &mode);
        if (whole && i) k->modes[i] = (uint8_t)mode;
    }
    Py_XDECREF(fast);
    if (whole) {
        k->directory = PyMem_RawMalloc(sizeof(Segment *));
        if (k->directory && !(k->directory[0] = PyMem_RawCalloc(1, sizeof(Segment)))) {
            PyMem_RawFree(k->directory);
            k->directory = NULL;
        }
        k->segments = 1;
        if (k->directory) return (PyObject *)k;
        PyErr_NoMemory();
    }
    Py_XDECREF(k);
    return NULL;
}

#define METHOD(name, flags) {#name, (PyCFunction)(void (*)(void))kernel_##name, flags, NULL}
static PyMethodDef kernel_methods[] = {
    METHOD(define, METH_FASTCALL), METHOD(route, METH_FASTCALL), METHOD(drop_series, METH_O),
    METHOD(add, METH_FASTCALL), METHOD(plan, METH_O), METHOD(read, METH_FASTCALL),
    METHOD(knows, METH_O), METHOD(first_seq, METH_O), METHOD(first_ms, METH_O), METHOD(marks, METH_FASTCALL),
    METHOD(neighbours, METH_FASTCALL), METHOD(entries, METH_O), METHOD(remove, METH_O), METHOD(forget, METH_O),
    METHOD(take_out_forgotten, METH_O), METHOD(add_to_known, METH_FASTCALL), METHOD(memory_bytes, METH_NOARGS),
    METHOD(take_back, METH_FASTCALL),
    METHOD(begin_snapshot, METH_NOARGS), METHOD(next_slice, METH_O), METHOD(end_snapshot, METH_NOARGS),
    METHOD(load, METH_O), {0}};

static PyType_Slot kernel_slots[] = {
    {Py_tp_doc, "What is known of entities; fourthwatch.features.specification.Kernel says what it does."},
    {Py_tp_new, kernel_new}, {Py_tp_dealloc, kernel_dealloc}, {Py_tp_methods, kernel_methods},
    {Py_sq_length, kernel_length}, {0, NULL}};
static PyType_Spec kernel_spec = {
    "fourthwatch.features._kernel.Kernel", sizeof(Kernel), 0, Py_TPFLAGS_DEFAULT, kernel_slots};

static int module_exec(PyObject *module) {
    static const struct { const char *name; int value; } BOUNDS[] = {
        {"THINGS_EXACT_MAX", EXACT_MAX}, {"LATEST_KEPT_MAX", LATEST_MAX}, {"SERIES_MAX", SERIES_MAX},
        {"KINDS_MAX", KINDS_MAX}, {"QUERIES_MAX", QUERIES_MAX}, {"SOURCES_MAX", SOURCES_MAX},
        {"HUB_USERS", HUB_USERS}, {"NEIGHBOURS_PER_STEP_MAX", NEIGHBOURS_PER_STEP_MAX}, {"NEIGHBOURS_MAX", NEIGHBOURS_MAX}};
    for (size_t i = 0; i < sizeof BOUNDS / sizeof *BOUNDS; i++)
        if (PyModule_AddIntConstant(module, BOUNDS[i].name, BOUNDS[i].value)) return -1;
    PyObject *type = PyType_FromModuleAndSpec(module, &kernel_spec, NULL);
    int failed = type ? PyModule_AddObjectRef(module, "Kernel", type) : -1;
    Py_XDECREF(type);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, .m_name = "_kernel", .m_slots = module_slots};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module_definition); }
