/* What the compiled kernel keeps: a table of entities, their blocks, and how each mode takes in an observation.
 *
 * One block of memory per entity: a header, then entries of 24 bytes sorted by (word, mark), so that each series is one
 * run in order of time. Blocks hang in a table that grows one small segment at a time. Every summary is a function of
 * the set of its observations, whatever their order: each section on a mode says why.
 *
 * Included once, by `_kernel.c`. Of Python it uses memory and errors only. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "snapshots are little-endian words; the specification in Python serves other machines"
#endif

/* ---- Bounds (limits.py has them with their reasons; a test compares) ---- */

enum { EXACT_MAX = 64, LATEST_MAX = 4, SERIES_MAX = 4095, KINDS_MAX = 4096, QUERIES_MAX = 65536, SOURCES_MAX = 1024 };
enum { LEVEL_MAX = 40, COUNT_BITS = 40, STACK_MAX = 64 };
enum { ADD = 1, PEAK, DISTINCT, LATEST, FIRST, MODES_END };
enum { COUNT = 1, SUM, MEAN, GREATEST, SINCE_LAST, SINCE_FIRST, HOLDS, LATEST_AMOUNT, LATEST_MARK, STANDING, AGE };
enum { FOLDED, EXACT, LEVEL };

#define AT_MS_MAX (1LL << 43)
#define SEQ_MAX (1LL << 43)
#define LEVEL_TIME ((1ULL << 44) - 1) /* later than any observation, so that the level is the last of its run */
#define ALL 1
#define MINUTE 60000LL
#define DAY (1440 * MINUTE)
#define MAGIC 0x32304c4e524b5746ULL

typedef __int128 Wide; /* sums of many 64-bit amounts cannot overflow it */
typedef struct { uint64_t word; int64_t mark, amount; } Entry;
typedef struct {
    uint64_t first_seq;
    uint64_t first_ms : 44, count : 20;
    uint64_t last_seq : 44, epoch : 20; /* epoch: the snapshot that has this entity already, or need not have it */
    Entry entries[];
} Block;
typedef struct { uint64_t key; Block *block; } Slot; /* key 0: free */

static const struct { int64_t reach, width; } BUCKETS[3] = {
    {120 * MINUTE, 10 * MINUTE}, {2 * DAY, 120 * MINUTE}, {100 * DAY, DAY}};

/* ---- The table: extendible hashing ----
 * The top bits of a key's spread choose one of 2**depth directory places; several places may share a segment. A full
 * segment is split in two: 216 entities move, never more, so growth stops nobody. Within a segment: linear probing. */

enum { SLOTS = 256, SLOTS_USED_MAX = 216 };
typedef struct { uint32_t depth, used; Slot slots[SLOTS]; } Segment;
typedef struct { uint64_t bits[(SERIES_MAX + 1) / 64]; bool always; } Route;

typedef struct {
    PyObject_HEAD
    Segment **directory;
    uint32_t depth;
    uint64_t secret[2]; /* so that nobody can choose keys that crowd one segment */
    Py_ssize_t entities, segments, block_bytes;
    uint8_t modes[SERIES_MAX + 1], dropped[SERIES_MAX + 1];
    Route *routes[KINDS_MAX];
    Py_ssize_t routes_made;
    bool sweeping, snapshot;
    uint64_t forgotten_below; /* entities last heard of before this ledger position are not there any more */
    uint64_t sweep_at, expire_at, slice_at; /* spreads: walks go on where they stopped, whatever was split since */
    bool slices_done;
    uint32_t epoch;
    uint64_t *pending; /* records of the snapshot that are not handed out yet */
    size_t pending_words, pending_room, pending_at;
} Kernel;

static inline uint64_t spread(const Kernel *k, uint64_t key) {
    uint64_t h = (key ^ k->secret[0]) * (k->secret[1] | 1);
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;
    return h ^ h >> 29;
}

static inline uint64_t top(uint64_t h, uint32_t depth) { return depth ? h >> (64 - depth) : 0; }
static inline Segment *segment_of(const Kernel *k, uint64_t h) { return k->directory[top(h, k->depth)]; }

/* The first spread behind this segment; 0 after the last. */
static inline uint64_t behind(const Segment *s, uint64_t h) {
    return s->depth ? (top(h, s->depth) + 1) << (64 - s->depth) : 0;
}

static Slot *find(const Kernel *k, uint64_t key) {
    uint64_t h = spread(k, key);
    Segment *s = segment_of(k, h);
    for (unsigned i = h % SLOTS; s->slots[i].key; i = (i + 1) % SLOTS)
        if (s->slots[i].key == key) return &s->slots[i];
    return NULL;
}

/* An entity that is forgotten is not there, whether or not its block is taken out already. */
static inline Slot *find_known(const Kernel *k, uint64_t key) {
    Slot *slot = find(k, key);
    return slot && slot->block->last_seq >= k->forgotten_below ? slot : NULL;
}

static Slot *place(Segment *s, uint64_t h, Slot slot) {
    unsigned i = h % SLOTS;
    while (s->slots[i].key) i = (i + 1) % SLOTS;
    s->slots[i] = slot;
    s->used++;
    return &s->slots[i];
}

/* Split the segment that this spread belongs to. All memory is taken before anything changes. */
static int split(Kernel *k, uint64_t h) {
    Segment *old = segment_of(k, h);
    Segment *half[2] = {PyMem_RawCalloc(1, sizeof(Segment)), PyMem_RawCalloc(1, sizeof(Segment))};
    Segment **wider = NULL;
    bool deepen = old->depth == k->depth;
    if (deepen && k->depth < 40) wider = PyMem_RawMalloc(sizeof(Segment *) << (k->depth + 1));
    if (!half[0] || !half[1] || (deepen && !wider)) {
        PyMem_RawFree(half[0]), PyMem_RawFree(half[1]), PyMem_RawFree(wider);
        PyErr_NoMemory();
        return -1;
    }
    if (deepen) {
        for (uint64_t i = 0; i < 1ULL << k->depth; i++) wider[2 * i] = wider[2 * i + 1] = k->directory[i];
        PyMem_RawFree(k->directory);
        k->directory = wider;
        k->depth++;
    }
    half[0]->depth = half[1]->depth = old->depth + 1;
    for (int i = 0; i < SLOTS; i++) {
        if (!old->slots[i].key) continue;
        uint64_t at = spread(k, old->slots[i].key);
        place(half[top(at, old->depth + 1) & 1], at, old->slots[i]);
    }
    uint64_t width = 1ULL << (k->depth - old->depth), from = top(h, old->depth) * width;
    for (uint64_t i = 0; i < width; i++) k->directory[from + i] = half[i >= width / 2];
    PyMem_RawFree(old);
    k->segments++;
    return 0;
}

/* ---- Blocks: how many entries fit follows from how many there are, so nothing is spent on saying it ---- */

static inline size_t room(size_t count) {
    size_t step = count <= 16 ? 2 : count <= 64 ? 8 : count <= 1024 ? 16 : 256;
    return (count + step - 1) / step * step;
}

static inline size_t block_size(size_t count) { return sizeof(Block) + room(count) * sizeof(Entry); }
static inline size_t taken(size_t count) { return (block_size(count) + 8 + 15) / 16 * 16; } /* as malloc rounds */

static inline void set_count(Kernel *k, Block *b, size_t count) {
    k->block_bytes += (Py_ssize_t)taken(count) - (Py_ssize_t)taken(b->count);
    b->count = count;
}

/* Make sure that `more` entries can be inserted without fail; before anything of the entity is changed. */
static int reserve(Slot *slot, size_t more) {
    size_t count = slot->block->count;
    if (room(count + more) == room(count)) return 0;
    Block *b = count + more < 1 << 20 ? PyMem_RawRealloc(slot->block, block_size(count + more)) : NULL;
    if (!b) { PyErr_NoMemory(); return -1; }
    slot->block = b;
    return 0;
}

/* Give back what is too much; when it fails nothing is lost. */
static void trim(Slot *slot) {
    Block *b = PyMem_RawRealloc(slot->block, block_size(slot->block->count));
    if (b) slot->block = b;
}

static void insert(Kernel *k, Block *b, size_t at, Entry entry) {
    memmove(b->entries + at + 1, b->entries + at, (b->count - at) * sizeof(Entry));
    b->entries[at] = entry;
    set_count(k, b, b->count + 1);
}

static void erase(Kernel *k, Block *b, size_t at, size_t number) {
    memmove(b->entries + at, b->entries + at + number, (b->count - at - number) * sizeof(Entry));
    set_count(k, b, b->count - number);
}

/* The entry at `from` goes, `entry` comes to stand at `to`. */
static void replace(Entry *e, size_t from, size_t to, Entry entry) {
    if (from < to) memmove(e + from, e + from + 1, (to - from) * sizeof(Entry));
    else memmove(e + to + 1, e + to, (from - to) * sizeof(Entry));
    e[to] = entry;
}

static inline uint64_t word_of(unsigned series, uint64_t at_ms, unsigned flag) {
    return (uint64_t)series << 48 | at_ms << 4 | flag;
}
static inline int64_t time_of(Entry e) { return (int64_t)(e.word >> 4 & LEVEL_TIME); }
static inline unsigned flag_of(Entry e) { return e.word & 15; }
static inline unsigned series_of(Entry e) { return (unsigned)(e.word >> 48); }
static inline bool before(Entry a, Entry b) { return a.word != b.word ? a.word < b.word : a.mark < b.mark; }

/* First place in [low, high) with at least this word. */
static size_t lower(const Entry *e, size_t low, size_t high, uint64_t word) {
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (e[middle].word < word) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Where in the sorted [low, high) the entry belongs; new things are mostly the newest. */
static size_t rank(const Entry *e, size_t low, size_t high, Entry entry) {
    while (high > low && before(entry, e[high - 1])) high--;
    return high;
}

static size_t place_of_mark(const Entry *e, size_t low, size_t high, int64_t mark) {
    while (low < high && e[low].mark != mark) low++;
    return low;
}

/* Whether `a` replaces `b` of the same mark: later, or of the same time and greater. */
static inline bool supersedes(Entry a, Entry b) { return a.word != b.word ? a.word > b.word : a.amount > b.amount; }

/* ---- ADD and PEAK ----
 * Exact are the newest 64: that is a maximum, the same in any order. A bucket depends on its observation's time and on
 * the newest time only, since each width divides the next; counts, sums and maxima do not care for order. A run has
 * buckets only while it has 64 exact entries, so these are always its last 64. */

static int64_t bucket_start(int64_t at_ms, int64_t newest_ms) {
    for (int i = 0; i < 3; i++) {
        int64_t start = at_ms - at_ms % BUCKETS[i].width;
        if (newest_ms - start < BUCKETS[i].reach) return start;
    }
    return 0;
}

static inline int64_t bucket_count(Entry e) { return e.mark & ((1LL << COUNT_BITS) - 1); }
static inline Wide bucket_sum(Entry e) { return (Wide)(e.mark >> COUNT_BITS) * ((Wide)1 << 64) + e.amount; }

static void join(Entry *into, Entry e, bool peak) {
    int64_t count = bucket_count(*into) + bucket_count(e), high = 0, high_max = (1 << 23) - 1;
    if (count >= 1LL << COUNT_BITS) count = (1LL << COUNT_BITS) - 1;
    if (peak) {
        if (e.amount > into->amount) into->amount = e.amount;
    } else { /* the part of the sum that 64 bits cannot hold stands above the count, so that no order can overflow */
        Wide sum = bucket_sum(*into) + bucket_sum(e);
        into->amount = (int64_t)(uint64_t)sum;
        high = (int64_t)((sum - into->amount) >> 64);
        high = high > high_max ? high_max : high < -high_max ? -high_max : high;
    }
    into->mark = high * (1LL << COUNT_BITS) + count;
}

/* The newest time of a run moved on: buckets [low, high) that got too old for their width go into wider ones.
 * Starts stay in order, so equal ones are neighbours. Returns how many entries went. */
static size_t fold_older(Kernel *k, Slot *slot, size_t low, size_t high, int64_t newest_was, int64_t newest_ms,
                         bool peak) {
    Entry *e = slot->block->entries;
    bool touched = false;
    if (low == high || newest_ms == newest_was) return 0;
    for (int i = 0; i < 3 && !touched && newest_ms >= BUCKETS[i].reach; i++) {
        int64_t from = newest_was - BUCKETS[i].reach + 1;
        size_t at = from <= 0 ? low : lower(e, low, high, word_of(series_of(e[low]), (uint64_t)from, FOLDED));
        touched = at < high && time_of(e[at]) <= newest_ms - BUCKETS[i].reach;
    }
    if (!touched) return 0;
    size_t out = low;
    for (size_t i = low; i < high; i++) {
        Entry moved = e[i];
        moved.word = word_of(series_of(moved), (uint64_t)bucket_start(time_of(moved), newest_ms), FOLDED);
        if (out > low && e[out - 1].word == moved.word) join(&e[out - 1], moved, peak);
        else e[out++] = moved;
    }
    if (out < high) erase(k, slot->block, out, high - out);
    return high - out;
}

/* 1 when the mark may be that of an older thing that was folded away: then this one is counted besides it. */
static int put_thing(Kernel *k, Slot *slot, size_t low, size_t high, Entry new, bool peak) {
    if (reserve(slot, 1)) return -1;
    bool has_folded = high - low > EXACT_MAX;
    Entry *e = slot->block->entries;
    size_t exact = has_folded ? high - EXACT_MAX : low;
    int64_t newest_was = high > low ? time_of(e[high - 1]) : 0;
    int64_t newest_ms = time_of(new) > newest_was ? time_of(new) : newest_was;
    size_t same = place_of_mark(e, exact, high, new.mark);
    if (same < high) {
        if (!supersedes(new, e[same])) return 0;
        replace(e, same, rank(e, same + 1, high, new) - 1, new);
        if (fold_older(k, slot, low, exact, newest_was, newest_ms, peak)) trim(slot);
        return 0;
    }
    if (high - low < EXACT_MAX) {
        insert(k, slot->block, rank(e, low, high, new), new);
        return 0;
    }
    Entry out = new;
    if (before(e[exact], new)) {
        out = e[exact];
        replace(e, exact, rank(e, exact + 1, high, new) - 1, new);
    }
    size_t gone = fold_older(k, slot, low, exact, newest_was, newest_ms, peak);
    exact -= gone;
    out.word = word_of(series_of(out), (uint64_t)bucket_start(time_of(out), newest_ms), FOLDED);
    out.mark = 1;
    size_t at = lower(e, low, exact, out.word);
    if (at < exact && e[at].word == out.word) join(&e[at], out, peak);
    else insert(k, slot->block, at, out);
    if (gone) trim(slot);
    return has_folded;
}

/* One folded thing goes again: of its bucket's count and sum, but not of its greatest. Whether there was its bucket. */
static bool take_back(Kernel *k, Slot *slot, size_t low, size_t high, Entry old, bool peak) {
    if (high - low <= EXACT_MAX) return false;
    Entry *e = slot->block->entries;
    old.word = word_of(series_of(old), (uint64_t)bucket_start(time_of(old), time_of(e[high - 1])), FOLDED);
    size_t at = lower(e, low, high - EXACT_MAX, old.word);
    if (at == high - EXACT_MAX || e[at].word != old.word) return false;
    if (bucket_count(e[at]) == 1) {
        erase(k, slot->block, at, 1);
        trim(slot);
        return true;
    }
    int64_t count = bucket_count(e[at]) - 1, high_part = 0;
    if (!peak) {
        Wide sum = bucket_sum(e[at]) - old.amount;
        e[at].amount = (int64_t)(uint64_t)sum;
        high_part = (int64_t)((sum - e[at].amount) >> 64);
    }
    e[at].mark = high_part * (1LL << COUNT_BITS) + count;
    return true;
}

/* ---- DISTINCT ----
 * Kept are the newest 64 marks, and every mark whose level reaches L, the smallest L such that at most 64 of all marks
 * reach it. A mark that was let go is below L and older than the newest 64; both bounds only rise. So if it comes again
 * its old time cannot matter, and it does not change how many reach L: forgetting it was no loss. */

static int level_of(int64_t mark) {
    uint64_t z = (uint64_t)mark + 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    if (mark == ALL || !z) return LEVEL_MAX; /* what ends everything before it must not be let go */
    int level = __builtin_ctzll(z);
    return level < LEVEL_MAX ? level : LEVEL_MAX;
}

static int put_distinct(Kernel *k, Slot *slot, size_t low, size_t high, Entry new) {
    if (reserve(slot, 2)) return -1;
    Block *b = slot->block;
    Entry *e = b->entries;
    int level = 0;
    size_t end = high;
    if (high > low && flag_of(e[high - 1]) == LEVEL) level = (int)e[--end].mark;
    size_t same = place_of_mark(e, low, end, new.mark);
    if (same < end) {
        if (!supersedes(new, e[same])) return 0;
        replace(e, same, rank(e, same + 1, end, new) - 1, new);
    } else if (level > level_of(new.mark)) {
        size_t out = end - EXACT_MAX; /* a level is there only while 64 newest are */
        if (before(new, e[out])) return 0;
        size_t at = rank(e, out + 1, end, new);
        if (level_of(e[out].mark) < level) replace(e, out, at - 1, new);
        else insert(k, b, at, new);
        return 0;
    } else {
        insert(k, b, rank(e, low, end, new), new);
        end++;
        for (int was = level; end - low > EXACT_MAX;) {
            size_t reaching = 0;
            for (size_t i = low; i < end; i++) reaching += level_of(e[i].mark) >= level;
            if (reaching > EXACT_MAX) { level++; continue; }
            if (was == 0 && level) insert(k, b, end, (Entry){word_of(series_of(new), LEVEL_TIME, LEVEL), level, 0});
            else if (level) e[end].mark = level;
            break;
        }
    }
    if (end - low <= EXACT_MAX || !level) return 0;
    size_t kept = low, newest = end - EXACT_MAX;
    for (size_t i = low; i < newest; i++)
        if (level_of(e[i].mark) >= level) e[kept++] = e[i];
    if (kept < newest) {
        erase(k, b, kept, newest - kept);
        trim(slot);
    }
    return 0;
}

/* ---- LATEST and FIRST: a maximum and a minimum by (time, mark), the same in any order ---- */

static int put_latest(Kernel *k, Slot *slot, size_t low, size_t high, Entry new) {
    if (reserve(slot, 1)) return -1;
    Entry *e = slot->block->entries;
    size_t at = rank(e, low, high, new);
    if (at > low && e[at - 1].word == new.word && e[at - 1].mark == new.mark) {
        if (new.amount > e[at - 1].amount) e[at - 1].amount = new.amount;
    } else if (high - low < LATEST_MAX) {
        insert(k, slot->block, at, new);
    } else if (at > low) {
        replace(e, low, at - 1, new);
    }
    return 0;
}

static int put_first(Kernel *k, Slot *slot, size_t low, size_t high, Entry new) {
    if (low == high) {
        if (reserve(slot, 1)) return -1;
        insert(k, slot->block, low, new);
        return 0;
    }
    Entry *e = &slot->block->entries[low];
    bool same = e->word == new.word && e->mark == new.mark;
    if (same ? new.amount > e->amount : before(new, *e)) *e = new;
    return 0;
}

/* -1 when there is no memory; 1 as `put_thing`. */
static int put(Kernel *k, Slot *slot, unsigned series, int64_t at_ms, int64_t mark, int64_t amount) {
    Block *b = slot->block;
    Entry new = {word_of(series, (uint64_t)at_ms, EXACT), mark, amount};
    size_t low = lower(b->entries, 0, b->count, (uint64_t)series << 48);
    size_t high = lower(b->entries, low, b->count, (uint64_t)(series + 1) << 48);
    switch (k->modes[series]) {
    case ADD: return put_thing(k, slot, low, high, new, false);
    case PEAK: return put_thing(k, slot, low, high, new, true);
    case DISTINCT: return put_distinct(k, slot, low, high, new);
    case LATEST: return put_latest(k, slot, low, high, new);
    default: return put_first(k, slot, low, high, new);
    }
}

/* ---- Entities: made, saved for a snapshot before they change, purged of dropped series, removed ---- */

/* One record: key, first_seq, first_ms and count, last_seq, entries of three words; without dropped series. */
static int save(Kernel *k, uint64_t key, Block *b) {
    size_t wanted = k->pending_words + 4 + 3 * (size_t)b->count;
    if (wanted > k->pending_room) {
        uint64_t *more = PyMem_RawRealloc(k->pending, wanted * 2 * sizeof(uint64_t));
        if (!more) { PyErr_NoMemory(); return -1; }
        k->pending = more;
        k->pending_room = wanted * 2;
    }
    uint64_t *record = k->pending + k->pending_words, *out = record + 4;
    for (size_t i = 0; i < b->count; i++)
        if (k->modes[series_of(b->entries[i])]) memcpy(out, &b->entries[i], sizeof(Entry)), out += 3;
    record[0] = key;
    record[1] = b->first_seq;
    record[2] = (uint64_t)b->first_ms << 20 | (uint64_t)(out - record - 4) / 3;
    record[3] = b->last_seq;
    k->pending_words = (size_t)(out - k->pending);
    b->epoch = k->epoch;
    return 0;
}

static inline int about_to_change(Kernel *k, Slot *slot) {
    return k->snapshot && slot->block->epoch != k->epoch ? save(k, slot->key, slot->block) : 0;
}

static Slot *make(Kernel *k, uint64_t key, uint64_t seq, int64_t at_ms) {
    uint64_t h = spread(k, key);
    while (segment_of(k, h)->used >= SLOTS_USED_MAX)
        if (split(k, h)) return NULL;
    Block *b = PyMem_RawMalloc(block_size(0));
    if (!b) { PyErr_NoMemory(); return NULL; }
    *b = (Block){.first_seq = seq, .first_ms = (uint64_t)at_ms, .last_seq = seq, .epoch = k->epoch};
    k->block_bytes += (Py_ssize_t)taken(0);
    k->entities++;
    return place(segment_of(k, h), h, (Slot){key, b});
}

static void take_out(Kernel *k, Slot *slot) {
    Segment *s = segment_of(k, spread(k, slot->key));
    k->block_bytes -= (Py_ssize_t)taken(slot->block->count);
    k->entities--;
    PyMem_RawFree(slot->block);
    unsigned hole = (unsigned)(slot - s->slots);
    for (unsigned i = (hole + 1) % SLOTS; s->slots[i].key; i = (i + 1) % SLOTS) { /* close the gap */
        unsigned home = spread(k, s->slots[i].key) % SLOTS;
        if ((i - home) % SLOTS >= (i - hole) % SLOTS) s->slots[hole] = s->slots[i], hole = i;
    }
    s->slots[hole] = (Slot){0, NULL};
    s->used--;
}

/* Entries of series that were dropped go; saved first by the caller if it matters. */
static void purge(Kernel *k, Slot *slot) {
    Entry *e = slot->block->entries;
    size_t kept = 0, count = slot->block->count;
    for (size_t i = 0; i < count; i++)
        if (k->modes[series_of(e[i])]) e[kept++] = e[i];
    if (kept == count) return;
    set_count(k, slot->block, kept);
    trim(slot);
}

/* Purge one segment; after the last one the dropped numbers are free again. */
static int sweep(Kernel *k) {
    Segment *s = segment_of(k, k->sweep_at);
    for (int i = 0; i < SLOTS; i++) {
        if (!s->slots[i].key) continue;
        if (about_to_change(k, &s->slots[i])) return -1;
        purge(k, &s->slots[i]);
    }
    k->sweep_at = behind(s, k->sweep_at);
    if (k->sweep_at == 0) {
        k->sweeping = false;
        memset(k->dropped, 0, sizeof k->dropped);
    }
    return 0;
}
