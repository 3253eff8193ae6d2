/* One look over a body's bytes. `scan.py` says in plain Python what it finds out.
 *
 * The one rule: a doubt may be raised for nothing, for it is looked into by slower code; none may be left out. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { CARD = 1, EMPTY = 2, SHAPE = 4, COLONS_FROM = 3 };
enum { BRACKETS_MAX = 32, CARD_DIGITS = 13, LONG_DIGITS = 19, POINTS = 0x20000, UNITS = 0x10000 };
enum { FOUR = 4, EVEN = 15 }; /* behind the first four of four fours: three more, with a separator before each */
enum { RUN_DIGITS = 32, CHUNKS = 16, TRIED_MAX = 256, PREFIXES = 10000 };

/* Classes of a byte. */
enum { DIGIT = 1, PASSED_OVER = 2, QUAD_1 = 4, QUAD_2 = 8, QUAD_3 = 16, QUAD_4 = 32, SPECIAL = 64, STARTS_CARD = 128 };

static uint8_t class_of[256];
static uint8_t telling_of[256];    /* whether a byte is looked at where no digits are under way */
static uint8_t folded[POINTS / 8]; /* characters that may stand for digits or separators */
static uint8_t telling[UNITS / 8]; /* the same as they are escaped, and all of ASCII */
static uint8_t lengths[PREFIXES];  /* by the first four digits: a bit for each length of a card's number, from 13 on */

typedef struct { const uint8_t *at, *begin, *end; } Place;

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
    switch (lower(*next)) {
    case 'v':
        if (follows(c, end, "cvv")) return !is_lawful_response(c, begin, end);
        return follows(c, end, "cvc") || follows(c, end, "cvn") || follows(c, end, "cvd");
    case 's': return follows(c, end, "csc");
    case 'a':
        return follows(c, end, "cav") || follows(c, end, "cardc") || follows(c, end, "card?erif") ||
               (follows(c, end, "cation") && precedes(c, begin, "ifirev"));
    case 'u': return follows(c, end, "curitycode") && precedes(c, begin, "e");
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

/* Whether a card's number may end with the chunk that ends here: it begins with one, too. `stop`: what stands behind. */
static bool may_end_card(Run *run, uint8_t stop) {
    Py_ssize_t newest = run->chunk[(run->chunks - 1) % CHUNKS];
    if (stop == '.' && run->digits - newest >= CARD_DIGITS) return true; /* as a number it may be rounded */
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

static unsigned long long scan(const uint8_t *begin, const uint8_t *end) {
    unsigned doubts = 0;
    unsigned long long colons = 0;
    Py_ssize_t brackets = 0, straight = 0;
    Run run = {0};
    const uint8_t *unescaped = NULL; /* where an escape ends, which is made of digits, too */
    for (const uint8_t *at = begin; at < end;) {
        uint8_t c = *at, class = class_of[c];
        if (class & DIGIT) {
            if (!straight++ || at == unescaped) run.chunk[run.chunks++ % CHUNKS] = run.digits;
            run.digit[run.digits++ % RUN_DIGITS] = c;
            if (straight >= LONG_DIGITS) doubts |= SHAPE;
            if (++at == end && may_end_card(&run, 0)) doubts |= CARD;
            continue;
        }
        if (straight && run.digits >= CARD_DIGITS && may_end_card(&run, c)) doubts |= CARD;
        if (straight >= FOUR && go_on_in_fours(at, end)) doubts |= CARD;
        straight = 0;
        if (!(class & PASSED_OVER)) run.digits = 0, run.chunks = 0;
        if ((class & QUAD_1) && may_be_base64(at, end)) doubts |= CARD;
        int length = 1;
        if (class & SPECIAL) switch (c) {
        case ':': colons++; break;
        case '{': case '[': brackets++; break;
        case '"': if (at + 1 < end && at[1] == '"') doubts |= EMPTY; break;
        case '\\':
            doubts |= escaped(at, end);
            unescaped = at + 6;
            break;
        case '%': if (end - at > 2 && is_hex(at[1]) && is_hex(at[2])) doubts |= CARD; break;
        case 'n': if (end - at > 3 && !memcmp(at, "null", 4)) doubts |= EMPTY; break;
        case 'c': case 'C': if (may_name_cvv(at, begin, end)) doubts |= CARD; break;
        case 'e': case 'E':
            if (at > begin && (class_of[at[-1]] & DIGIT) && ends_with_exponent(at, end)) doubts |= CARD;
            break;
        default: length = character(at, end, &doubts);
        }
        at += length;
        if (!run.digits)
            while (at < end && !telling_of[*at]) at++;
    }
    if (brackets > BRACKETS_MAX) doubts |= SHAPE;
    return colons << COLONS_FROM | doubts;
}

static PyObject *module_scan(PyObject *module, PyObject *body) {
    (void)module;
    if (!PyBytes_Check(body)) return PyErr_Format(PyExc_TypeError, "a body is bytes");
    const uint8_t *begin = (const uint8_t *)PyBytes_AS_STRING(body);
    return PyLong_FromUnsignedLongLong(scan(begin, begin + PyBytes_GET_SIZE(body)));
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
    mark(":{[\"\\%ncCeE", SPECIAL);
    for (int c = 0x80; c < 0x100; c++) class_of[c] |= SPECIAL;
    for (int c = 0; c < 0x100; c++) telling_of[c] = (class_of[c] & (DIGIT | QUAD_1 | SPECIAL)) && c != 'e' && c != 'E';
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
