/* One look over a body's bytes. `scan.py` says in plain Python what it finds out.
 *
 * The one rule: a doubt may be raised for nothing, for it is looked into by slower code; none may be left out.
 *
 * `look` sees the bytes of a word all at once, without a branch. In an ordinary order one in a hundred makes it stop;
 * `look_closer` and `look_at_digits` find out what is there. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { CARD = 1, EMPTY = 2, SHAPE = 4, COLONS_FROM = 3 };
enum { BRACKETS_MAX = 32, CARD_DIGITS = 13, LONG_DIGITS = 19, POINTS = 0x20000, UNITS = 0x10000 };
enum { FOUR = 4, EVEN = 15 }; /* behind the first four of four fours: three more, with a separator before each */
enum { RUN_DIGITS = 32, CHUNKS = 16, TRIED_MAX = 256, PREFIXES = 10000 };
enum { LANES = 16, WORD = 64, BACK = 4 }; /* bytes: of a vector, looked at at once, looked back at from a word */

/* Classes of a byte. */
enum { DIGIT = 1, PASSED_OVER = 2, QUAD_1 = 4, QUAD_2 = 8, QUAD_3 = 16, QUAD_4 = 32, STARTS_CARD = 64 };

static uint8_t class_of[256];
static uint8_t folded[POINTS / 8]; /* characters that may stand for digits or separators */
static uint8_t telling[UNITS / 8]; /* the same as they are escaped, and all of ASCII */
static uint8_t lengths[PREFIXES];  /* by the first four digits: a bit for each length of a card's number, from 13 on */

typedef uint8_t Bytes __attribute__((vector_size(LANES)));
typedef int8_t Flags __attribute__((vector_size(LANES))); /* what a comparison of bytes gives: -1 or 0 for each */
typedef uint64_t Sums __attribute__((vector_size(LANES)));

static bool has(const uint8_t *bits, uint32_t point) { return bits[point >> 3] >> (point & 7) & 1; }
static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static bool is_hex(uint8_t c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f'); }

/* Whether what follows a place spells a word, separators, quotes and case aside; `?` is an a, s or v. */
static bool follows(const uint8_t *at, const uint8_t *end, const char *word) {
    for (; *word; at++) {
        if (at >= end) return false;
        if (class_of[*at] & PASSED_OVER) continue;
        uint8_t c = lower(*at);
        if (*word == '?' ? c != 'a' && c != 's' && c != 'v' : c != (uint8_t)*word) return false;
        word++;
    }
    return true;
}

/* The same backwards: the word is given backwards, too. */
static bool precedes(const uint8_t *at, const uint8_t *begin, const char *word) {
    while (*word) {
        if (at-- <= begin) return false;
        if (class_of[*at] & PASSED_OVER) continue;
        if (lower(*at) != (uint8_t)*word) return false;
        word++;
    }
    return true;
}

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Whether the key that holds the bank's response to a verification value stands here, with no room for a value. */
static bool is_lawful_response(const uint8_t *c, const uint8_t *begin, const uint8_t *end) {
    static const char KEY[] = "\"_cvvResponseCode\"";
    const size_t key = sizeof KEY - 1;
    if (c - begin < 2 || (size_t)(end - c) < key) return false;
    const uint8_t *at = c - 2;
    if (memcmp(at, KEY, key) || (at > begin && at[-1] == '\\')) return false;
    at += key;
    while (at < end && is_blank(*at)) at++;
    if (at == end || *at++ != ':') return false;
    while (at < end && is_blank(*at)) at++;
    if (at == end) return false;
    bool quoted = *at == '"';
    at += quoted;
    for (int i = 0; i < 2 && at < end; i++)
        if ((class_of[*at] & DIGIT) || (quoted && lower(*at) >= 'a' && lower(*at) <= 'z')) at++;
    if (quoted && (at == end || *at++ != '"')) return false;
    if (!quoted && !(class_of[at[-1]] & DIGIT)) return false;
    while (at < end && is_blank(*at)) at++;
    return at < end && (*at == ',' || *at == '}');
}

/* Whether a word for a verification value may stand at this c. */
static bool may_name_cvv(const uint8_t *c, const uint8_t *begin, const uint8_t *end) {
    const uint8_t *next = c + 1;
    while (next < end && (class_of[*next] & PASSED_OVER)) next++;
    if (next == end) return false;
    const uint8_t *third = next + 1;
    switch (lower(*next)) {
    case 'v':
        if (follows(third, end, "v")) return !is_lawful_response(c, begin, end);
        return follows(third, end, "c") || follows(third, end, "n") || follows(third, end, "d");
    case 's': return follows(third, end, "c");
    case 'a':
        if (follows(third, end, "rd")) return follows(third, end, "rdc") || follows(third, end, "rd?erif");
        return follows(third, end, "v") || (follows(third, end, "tion") && precedes(c, begin, "ifirev"));
    case 'u': return follows(third, end, "ritycode") && precedes(c, begin, "e");
    default: return false;
    }
}

/* Whether a number ends here with an exponent; `e` has a digit before it. */
static bool ends_with_exponent(const uint8_t *e, const uint8_t *end) {
    const uint8_t *at = e + 1;
    if (at < end && *at == '+') at++;
    int digits = 0;
    while (at < end && digits < 2 && (class_of[*at] & DIGIT)) at++, digits++;
    return digits && (at == end || is_blank(*at) || *at == ',' || *at == '}' || *at == ']');
}

static bool may_be_base64(const uint8_t *at, const uint8_t *end) {
    if (end - at < 12) return false;
    for (int i = 0; i < 12; i++)
        if (!(class_of[at[i]] & QUAD_1 << i % 4)) return false;
    return true;
}

/* Whether three more fours follow, with this separator before each. */
static bool go_on_in_fours(const uint8_t *at, const uint8_t *end) {
    if ((*at != ':' && *at != '*' && *at != '%') || end - at < EVEN) return false;
    for (int i = 0; i < EVEN; i++)
        if (i % (FOUR + 1) ? !(class_of[at[i]] & DIGIT) : at[i] != *at) return false;
    return true;
}

/* What an escape may spell; what is escaped is then looked at as it is. */
static unsigned escaped(const uint8_t *at, const uint8_t *end) {
    uint8_t what = at + 1 < end ? at[1] : 0;
    uint32_t unit = 0;
    switch (what) {
    case '"': case '/': case 'b': case 'f': return 0;
    case 'n': case 'r': case 't': /* a separator, if digits follow */
        at += 2;
        for (int i = 0; i < 12 && at < end && strchr(" -./_+\\nrt", *at) && *at; i++) at++;
        return at < end && (class_of[*at] & DIGIT) ? CARD : 0;
    case 'u':
        if (end - at < 6) return CARD | SHAPE;
        for (int i = 2; i < 6; i++) {
            uint8_t c = lower(at[i]);
            if (!is_hex(c)) return CARD | SHAPE;
            unit = unit << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        return has(telling, unit) ? CARD | SHAPE : 0;
    default: return CARD | SHAPE;
    }
}

/* The length of a character outside ASCII; one that is cut off or spelled wrong is doubtful. */
static int character(const uint8_t *at, const uint8_t *end, unsigned *doubts) {
    int length = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : *at >= 0xC0 ? 2 : 1;
    uint32_t point = *at & (0x7F >> length);
    bool wrong = length == 1 || end - at < length;
    for (int i = 1; i < length && !wrong; i++) {
        wrong = (at[i] & 0xC0) != 0x80;
        point = point << 6 | (at[i] & 0x3F);
    }
    if (wrong || (point < POINTS && has(folded, point))) *doubts |= CARD;
    return wrong ? 1 : length;
}

/* Looks closer at a byte where `look` stops, and at what it may belong to; how many bytes are looked at for good. */
static int look_closer(const uint8_t *at, const uint8_t *begin, const uint8_t *end, unsigned *doubts) {
    switch (at > begin ? at[-1] : 0) {
    case '"': if (*at == '"') *doubts |= EMPTY; break;
    case 'n': if (end - at >= 3 && !memcmp(at, "ull", 3)) *doubts |= EMPTY; break;
    case 'c': case 'C': if (may_name_cvv(at - 1, begin, end)) *doubts |= CARD; break;
    case 'e': case 'E':
        if (at - begin > 1 && (class_of[at[-2]] & DIGIT) && ends_with_exponent(at - 1, end)) *doubts |= CARD;
    }
    if (at - begin >= BACK && may_be_base64(at - BACK, end)) *doubts |= CARD;
    if (*at == '\\') *doubts |= escaped(at, end);
    if (*at == '%' && end - at > 2 && is_hex(at[1]) && is_hex(at[2])) *doubts |= CARD;
    return *at < 0x80 ? 1 : character(at, end, doubts);
}

/* Digits with nothing but what is passed over between them, the newest of them, and where chunks of them begin. */
typedef struct {
    Py_ssize_t digits; /* so far */
    unsigned chunks;
    unsigned tried; /* places in the body where a card's number may have begun */
    uint8_t digit[RUN_DIGITS];
    Py_ssize_t chunk[CHUNKS];
} Run;

/* Whether there are card numbers of this length that begin with the four digits that stand here. */
static bool has_scheme(const Run *run, Py_ssize_t first, Py_ssize_t count) {
    unsigned prefix = 0;
    for (Py_ssize_t i = first; i < first + 4; i++) prefix = prefix * 10 + run->digit[i % RUN_DIGITS] - '0';
    return lengths[prefix] >> (count - CARD_DIGITS) & 1;
}

/* Whether the last digit of a number is the one that the others call for. */
static bool has_check_digit(const Run *run, Py_ssize_t first) {
    unsigned sum = 0, doubled = 0;
    for (Py_ssize_t i = run->digits; i-- > first; doubled ^= 1) {
        unsigned digit = run->digit[i % RUN_DIGITS] - '0';
        sum += doubled ? digit * 2 - (digit > 4 ? 9 : 0) : digit;
    }
    return sum % 10 == 0;
}

/* Whether a card's number may end with the chunk that ends here: it begins with one, too. */
static bool may_end_card(Run *run) {
    Py_ssize_t newest = run->chunk[(run->chunks - 1) % CHUNKS];
    for (unsigned back = 1; back <= run->chunks; back++) {
        if (back > CHUNKS) return true;
        Py_ssize_t first = run->chunk[(run->chunks - back) % CHUNKS], count = run->digits - first;
        if (newest - first > LONG_DIGITS) return false;
        if (count < CARD_DIGITS || !(class_of[run->digit[first % RUN_DIGITS]] & STARTS_CARD)) continue;
        if (newest - first < CARD_DIGITS && ++run->tried > TRIED_MAX) return true;
        if (count <= LONG_DIGITS && has_scheme(run, first, count) && has_check_digit(run, first)) return true;
    }
    return false;
}

/* Where an escape ends that these digits may be in: a card's number may begin right behind it. */
static const uint8_t *unescaped(const uint8_t *digits, const uint8_t *begin) {
    for (int back = 2; back < 6 && back <= digits - begin; back++)
        if (digits[-back] == '\\' && digits[1 - back] == 'u') return digits - back + 6;
    return NULL;
}

/* Of a byte or of many: digits, what is passed over, separators of fours, and what would cost more to leave out. The
 * comma is left out, since with it a short number and the quotes of the next key would be a run to look at. */
#define IS_AMONG_DIGITS(c) ((((c) <= ':') & ((c) != ',')) | (((c) & 0xFC) == '\\'))

/* Looks at a run of bytes among digits, from its first one on. Nothing outside counts, since it parts digits. */
static unsigned look_at_digits(Run *run, const uint8_t *first, const uint8_t *begin, const uint8_t *end) {
    const uint8_t *fresh = unescaped(first, begin);
    unsigned doubts = 0;
    Py_ssize_t straight = 0;
    run->digits = 0, run->chunks = 0;
    for (const uint8_t *at = first; at < end && IS_AMONG_DIGITS(*at); at++) {
        if (class_of[*at] & DIGIT) {
            if (!straight++ || at == fresh) run->chunk[run->chunks++ % CHUNKS] = run->digits;
            run->digit[run->digits++ % RUN_DIGITS] = *at;
            if (straight >= LONG_DIGITS) doubts |= SHAPE;
            continue;
        }
        if (straight && run->digits >= CARD_DIGITS && may_end_card(run)) doubts |= CARD;
        if (straight >= CARD_DIGITS && *at == '.') doubts |= CARD; /* as a number it may be rounded */
        if (straight >= FOUR && go_on_in_fours(at, end)) doubts |= CARD;
        straight = 0;
        if (!(class_of[*at] & PASSED_OVER)) run->digits = 0, run->chunks = 0;
    }
    if (straight && may_end_card(run)) doubts |= CARD;
    return doubts;
}

/* Of a word, a bit for each byte, and counts to be added up. */
typedef struct { uint64_t stops, among_digits, e; Bytes colons, brackets; } Seen;

static Bytes bytes_at(const uint8_t *at) {
    Bytes bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

static uint64_t bits(Flags flags) {
#ifdef __SSE2__
    return (uint64_t)_mm_movemask_epi8((__m128i)flags);
#else
    uint64_t found = 0;
    for (int i = 0; i < LANES; i++) found |= (uint64_t)(flags[i] < 0) << i;
    return found;
#endif
}

/* The sum of bytes, below 256. */
static unsigned total(Bytes bytes) {
    Sums sums = (Sums)bytes;
    return (unsigned)((sums[0] + sums[1]) * 0x0101010101010101 >> 56);
}

/* Looks at a word, and back, never ahead: it stops at the byte that makes something of those before it. */
static Seen look(const uint8_t *word) {
    Seen seen = {0};
    for (int i = 0; i < WORD; i += LANES) {
        Bytes c = bytes_at(word + i), last = bytes_at(word + i - 1), quad = bytes_at(word + i - BACK);
        Bytes small = c | 0x20, small_last = last | 0x20; /* letters in lower case */
        Flags among_digits = IS_AMONG_DIGITS(c);
        Flags may_follow_c = (small == 'a') | (small == 's') | (small == 'u') | (small == 'v') | among_digits;
        Flags stops = (Flags)c | (c == '\\') | (c == '%'); /* what is not ASCII is below 0 */
        stops |= ((small_last == 'c') & may_follow_c) | ((last == 'n') & (c == 'u')) | ((last == '"') & (c == '"'));
        stops |= (((c ^ 'H') | (quad ^ 'H')) & 0xF8) == 0; /* H to O, as two quads of base64 begin */
        seen.stops |= bits(stops) << i;
        seen.among_digits |= bits(among_digits) << i;
        seen.e |= bits(small == 'e') << i;
        seen.colons -= (Bytes)(c == ':');
        seen.brackets -= (Bytes)(small == '{'); /* or '[' */
    }
    return seen;
}

/* The bits some places further on; those of the word before move in. */
static uint64_t moved(uint64_t bits, uint64_t before, int places) { return bits << places | before >> (WORD - places); }

/* The 13th place of each run of set bits that is so long. */
static uint64_t thirteenth(uint64_t bits, uint64_t before) {
    static const int FURTHER[] = {1, 2, 4, 5}; /* the last of 2 set bits in a row, of 4, of 8, of 13 */
    for (int i = 0; i < 4; i++) {
        bits &= moved(bits, before, FURTHER[i]);
        before &= before << FURTHER[i];
    }
    return bits & ~moved(bits, before, 1);
}

static unsigned long long scan(const uint8_t *begin, Py_ssize_t size) {
    unsigned doubts = 0;
    unsigned long long colons = 0;
    Py_ssize_t brackets = 0;
    Run run = {0};
    Seen seen = {0};
    const uint8_t *end = begin + size, *done = begin; /* `done`: where the last character ends that was looked at */
    for (Py_ssize_t place = 0; place < size; place += WORD) {
        const uint8_t *word = begin + place, *looked_at = word;
        uint8_t edge[BACK + WORD];
        if (!place || size - place < WORD) { /* at a copy, for nothing outside is read; an x is no part of anything */
            int back = place ? BACK : 0;
            memset(edge, 'x', sizeof edge);
            memcpy(edge + BACK - back, word - back, (size_t)(back + (size - place < WORD ? size - place : WORD)));
            looked_at = edge + BACK;
        }
        Seen before = seen;
        seen = look(looked_at);
        colons += total(seen.colons);
        brackets += total(seen.brackets);
        uint64_t exponents = moved(seen.among_digits, before.among_digits, 2) & moved(seen.e, before.e, 1);
        exponents &= seen.among_digits;
        for (uint64_t stops = seen.stops | exponents; stops; stops &= stops - 1) {
            const uint8_t *at = word + __builtin_ctzll(stops);
            if (at >= done) done = at + look_closer(at, begin, end, &doubts);
        }
        for (uint64_t runs = thirteenth(seen.among_digits, before.among_digits); runs; runs &= runs - 1)
            doubts |= look_at_digits(&run, word + __builtin_ctzll(runs) - (CARD_DIGITS - 1), begin, end);
    }
    if (brackets > BRACKETS_MAX) doubts |= SHAPE;
    return colons << COLONS_FROM | doubts;
}

static PyObject *module_scan(PyObject *module, PyObject *body) {
    (void)module;
    if (!PyBytes_Check(body)) return PyErr_Format(PyExc_TypeError, "a body is bytes");
    return PyLong_FromUnsignedLongLong(scan((const uint8_t *)PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)));
}

/* No branch and no jump, so that compilers make it look at many bytes at once. */
static PyObject *module_may_hold_nothing(PyObject *module, PyObject *body) {
    (void)module;
    if (!PyBytes_Check(body)) return PyErr_Format(PyExc_TypeError, "a body is bytes");
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(body); /* behind its last byte stands a 0 */
    Py_ssize_t size = PyBytes_GET_SIZE(body);
    uint8_t found = 0;
    for (Py_ssize_t i = 0; i < size; i++) found |= (at[i] == '"') & (at[i + 1] == '"');
    for (Py_ssize_t i = 0; i + 3 < size; i++)
        found |= (at[i] == 'n') & (at[i + 1] == 'u') & (at[i + 2] == 'l') & (at[i + 3] == 'l');
    return PyBool_FromLong(found);
}

static PyObject *module_colons(PyObject *module, PyObject *text) {
    (void)module;
    if (!PyBytes_Check(text)) return PyErr_Format(PyExc_TypeError, "a text is bytes");
    const char *bytes = PyBytes_AS_STRING(text);
    Py_ssize_t size = PyBytes_GET_SIZE(text), found = 0;
    for (Py_ssize_t i = 0; i < size; i++) found += bytes[i] == ':';
    return PyLong_FromSsize_t(found);
}

static bool copied(uint8_t *table, size_t size, const Py_buffer *given) {
    bool fits = (size_t)given->len == size;
    if (fits) memcpy(table, given->buf, size);
    return fits;
}

/* Two tables of bits, by code point and by unit of an escape, and one of lengths, by prefix. */
static PyObject *module_prepare(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer points, units, by_prefix;
    if (!PyArg_ParseTuple(args, "y*y*y*", &points, &units, &by_prefix)) return NULL;
    bool fit = copied(folded, sizeof folded, &points) && copied(telling, sizeof telling, &units) &&
               copied(lengths, sizeof lengths, &by_prefix);
    PyBuffer_Release(&points);
    PyBuffer_Release(&units);
    PyBuffer_Release(&by_prefix);
    if (!fit) return PyErr_Format(PyExc_ValueError, "the tables are of another size");
    Py_RETURN_NONE;
}

static void mark(const char *bytes, uint8_t class) {
    for (; *bytes; bytes++) class_of[(uint8_t)*bytes] |= class;
}

static int module_exec(PyObject *module) {
    mark("0123456789", DIGIT);
    mark("234568", STARTS_CARD);
    mark(" \t\n\r-./_+\\\"", PASSED_OVER);
    mark("IKLMNO", QUAD_1);
    mark("CDSTijyz", QUAD_2);
    mark("AEIMQUYcgkosw048", QUAD_3);
    mark("grstuvwxyz012345", QUAD_4);
    return PyModule_AddIntConstant(module, "BRACKETS_MAX", BRACKETS_MAX);
}

static PyMethodDef methods[] = {
    {"scan", module_scan, METH_O, "What is doubtful about a body, and how many colons it has."},
    {"colons", module_colons, METH_O, "How many colons there are."},
    {"may_hold_nothing", module_may_hold_nothing, METH_O, "Whether there may be an empty text or a null."},
    {"prepare", module_prepare, METH_VARARGS, "Say which characters may stand for digits or separators, and which numbers are of cards."},
    {0}};
static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_scan", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__scan(void) { return PyModuleDef_Init(&definition); }
