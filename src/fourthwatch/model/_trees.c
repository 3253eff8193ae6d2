/* A sum of decision trees, packed: its margin, to the bit as LightGBM gives it, and what each feature adds to it.
 *
 * A row walks through several trees side by side and without branches, so that they wait for memory together. Every
 * index is checked while packing, and none afterwards. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { AT_ONCE = 8 };                     /* trees that a row walks through side by side */
enum { SOON_LINES = 4, LINE_NODES = 4 };  /* cache lines that are asked for of each tree that comes next */
enum { NODES_MAX = 65535 };               /* of one tree: children are told in 16 bits */
enum { DEPTH_MAX = 250 };                 /* explaining calls itself so deep, with less than 1 KiB each time */
enum { WIDTH_MAX = 1000 };
enum { LANES = 4, POINTS_MAX = 16 };
enum { IS_LEAF = 1, FEATURE_SHIFT = 1 };
enum { CATEGORICAL = 1, DEFAULT_LEFT = 2 }; /* of LightGBM's decision_type; above them what counts as missing */
enum { NOTHING, ZERO, UNKNOWN };            /* counts as missing */
/* A row for each way to see a value: what is missing goes left as -inf, for nothing is less, and right as NaN. */
enum { AS_IT_IS, ZERO_RIGHT, ZERO_LEFT, UNKNOWN_RIGHT, UNKNOWN_LEFT, ROWS };

static const double NEARLY_ZERO = 1e-35f; /* what is not beyond this is zero to LightGBM */

typedef struct {
    double threshold;   /* of a leaf: its value */
    uint16_t child[2];  /* left, right, within the tree; a leaf leads to itself */
    uint16_t place;     /* of the value asked for, in the rows */
    uint16_t flags;     /* and above them the feature */
} Node;
_Static_assert(sizeof(Node) == 16, "four nodes to a cache line");

typedef struct {
    double of_parent;  /* share of the parent's training rows that came here */
    double of_feature; /* product of those shares over all splits above by the feature that the parent splits by */
} Cover;

typedef struct {
    PyObject_HEAD
    Py_ssize_t width, count; /* features, trees */
    Node *nodes;
    Cover *covers;
    uint32_t *roots;
    uint8_t *points; /* by tree, how many points its contributions are integrated over */
    double base;     /* what is there without any feature: the mean of each tree's training rows, added up */
} Forest;

/* Gauss-Legendre on (0, 1): with n points exact for polynomials of degree 2n-1. In rows for 4, 8 and 16 points. */
static double place_of[POINTS_MAX + 1][POINTS_MAX], weight_of[POINTS_MAX + 1][POINTS_MAX];

static void make_points(int count) {
    for (int at = 0; at < count; at++) {
        double x = cos(3.14159265358979323846 * (at + 0.75) / (count + 0.5)), slope = 1;
        for (int turn = 0; turn < 60; turn++) {
            double before = 1, now = x;
            for (int degree = 2; degree <= count; degree++) {
                double next = ((2 * degree - 1) * x * now - (degree - 1) * before) / degree;
                before = now;
                now = next;
            }
            slope = count * (x * now - before) / (x * x - 1);
            double step = now / slope;
            x -= step;
            if (fabs(step) < 1e-16) break;
        }
        place_of[count][at] = (1 + x) / 2;
        weight_of[count][at] = 1 / ((1 - x * x) * slope * slope);
    }
}

/* The values as splits see them. */
static bool read_values(const Forest *forest, PyObject *values, double *rows) {
    PyObject *items = PySequence_Fast(values, "a row is a sequence of numbers and None");
    if (items == NULL) return false;
    Py_ssize_t width = forest->width;
    bool is_read = PySequence_Fast_GET_SIZE(items) == width;
    if (!is_read) PyErr_Format(PyExc_ValueError, "the model takes %zd features", width);
    for (Py_ssize_t at = 0; is_read && at < width; at++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, at);
        double value = NAN;
        if (PyFloat_CheckExact(item))
            value = PyFloat_AS_DOUBLE(item);
        else if (item != Py_None) {
            value = PyFloat_AsDouble(item);
            if (value == -1 && PyErr_Occurred()) is_read = false;
        }
        if (fabs(value) <= NEARLY_ZERO) value = 0;
        bool is_known = !isnan(value), is_something = is_known && value != 0;
        rows[AS_IT_IS * width + at] = is_known ? value : 0;
        rows[ZERO_RIGHT * width + at] = is_something ? value : NAN;
        rows[ZERO_LEFT * width + at] = is_something ? value : -INFINITY;
        rows[UNKNOWN_RIGHT * width + at] = is_known ? value : NAN;
        rows[UNKNOWN_LEFT * width + at] = is_known ? value : -INFINITY;
    }
    Py_DECREF(items);
    return is_read;
}

static inline unsigned goes_right(const Node *node, const double *rows) {
    return !(rows[node->place] <= node->threshold);
}

static double margin_of(const Forest *forest, const double *rows) {
    double sum = 0;
    for (Py_ssize_t first = 0; first < forest->count; first += AT_ONCE) {
        const Node *trees[AT_ONCE];
        uint32_t at[AT_ONCE], moved;
        Py_ssize_t left = forest->count - first, some = left < AT_ONCE ? left : AT_ONCE;
        for (int lane = 0; lane < AT_ONCE; lane++) {
            trees[lane] = forest->nodes + forest->roots[first + (lane < some ? lane : 0)];
            at[lane] = 0;
        }
        for (Py_ssize_t soon = first + AT_ONCE; soon < first + 2 * AT_ONCE && soon < forest->count; soon++)
            for (int line = 0; line < SOON_LINES; line++)
                __builtin_prefetch(forest->nodes + forest->roots[soon] + line * LINE_NODES);
        do {
            moved = 0;
            for (int lane = 0; lane < AT_ONCE; lane++) {
                const Node *node = trees[lane] + at[lane];
                uint32_t next = node->child[goes_right(node, rows)];
                moved |= next ^ at[lane];
                at[lane] = next;
            }
        } while (moved);
        for (int lane = 0; lane < some; lane++) sum += trees[lane][at[lane]].threshold; /* in the library's order */
    }
    return sum;
}

/* Contributions. In a tree a coalition of features has the value that comes of following the row where a known feature
 * is asked for, and the shares of training rows elsewhere. A leaf adds to it the product, over the features above it,
 * of "led" (1 or 0: the row goes this way at all its splits) for the known and of "share" for the others. The Shapley
 * value of a feature is the integral, over t from 0 to 1, of the difference that it makes when each other one is known
 * with probability t (Owen, 1972), so with led·t + share·(1-t) as the factor of each: a polynomial in t, whose degree
 * is below the number of features above the leaf, so that Gauss-Legendre is exact. All terms of a product are positive;
 * what a second split by a feature changes of its factor is divided out, never subtracted. */

typedef struct {
    double inverse[POINTS_MAX]; /* 1 / factor */
    double effect[POINTS_MAX];  /* (led - share) / factor */
} Factor;

typedef struct {
    const Node *tree;
    const Cover *covers;
    const double *rows, *t;
    int points;
    double (*parts)[POINTS_MAX]; /* by feature, at each point */
    const Factor **factors;      /* by feature, as of here; NULL: the row has gone another way at one of its splits */
} Explaining;

#define AT_POINTS(q) for (int block = 0; block < points; block += LANES) for (int q = block; q < block + LANES; q++)

/* `product` of the factors above a node; `sum` gets that of the leaves below, times their values. */
static void explain(const Explaining *explaining, uint32_t at, const double *product, double *sum) {
    const Node *node = explaining->tree + at;
    const double *t = explaining->t;
    const int points = explaining->points;
    if (points < LANES) __builtin_unreachable();
    if (node->flags & IS_LEAF) {
        AT_POINTS(q) sum[q] = product[q] * node->threshold;
        return;
    }
    uint32_t right = goes_right(node, explaining->rows), along = node->child[right], aside = node->child[!right];
    const Cover *cover = explaining->covers;
    const Factor **place = explaining->factors + (node->flags >> FEATURE_SHIFT), *before = *place;
    double below[POINTS_MAX], others[POINTS_MAX];
    if (before == NULL) {
        AT_POINTS(q) below[q] = product[q] * cover[along].of_parent;
        explain(explaining, along, below, sum);
        AT_POINTS(q) below[q] = product[q] * cover[aside].of_parent;
        explain(explaining, aside, below, others);
        AT_POINTS(q) sum[q] += others[q];
        return;
    }
    double *part = explaining->parts[place - explaining->factors], share = cover[along].of_feature;
    Factor after;
    AT_POINTS(q) {
        double factor = t[q] + share * (1 - t[q]);
        after.inverse[q] = 1 / factor;
        after.effect[q] = (1 - share) * after.inverse[q];
        below[q] = product[q] * before->inverse[q] * factor;
    }
    *place = &after;
    explain(explaining, along, below, sum);
    share = cover[aside].of_feature;
    AT_POINTS(q) below[q] = product[q] * before->inverse[q] * share * (1 - t[q]);
    *place = NULL;
    explain(explaining, aside, below, others);
    *place = before;
    AT_POINTS(q) {
        part[q] += sum[q] * (after.effect[q] - before->effect[q]) - others[q] * (1 / (1 - t[q]) + before->effect[q]);
        sum[q] += others[q];
    }
}

static PyObject *forest_margin(Forest *forest, PyObject *values) {
    double rows[ROWS * WIDTH_MAX];
    return read_values(forest, values, rows) ? PyFloat_FromDouble(margin_of(forest, rows)) : NULL;
}

static PyObject *forest_contributions(Forest *forest, PyObject *values) {
    double rows[ROWS * WIDTH_MAX];
    Py_ssize_t width = forest->width;
    if (!read_values(forest, values, rows)) return NULL;
    Factor untouched = {{0}, {0}};
    for (int q = 0; q < POINTS_MAX; q++) untouched.inverse[q] = 1;
    PyObject *told = NULL;
    Explaining explaining = {.rows = rows};
    explaining.parts = PyMem_Calloc((size_t)width, sizeof(*explaining.parts));
    explaining.factors = PyMem_New(const Factor *, width);
    if (explaining.parts == NULL || explaining.factors == NULL || (told = PyList_New(width + 1)) == NULL) goto done;
    for (Py_ssize_t at = 0; at < width; at++) explaining.factors[at] = &untouched;
    for (Py_ssize_t number = 0; number < forest->count; number++) {
        double sum[POINTS_MAX];
        explaining.tree = forest->nodes + forest->roots[number];
        explaining.covers = forest->covers + forest->roots[number];
        explaining.points = forest->points[number];
        explaining.t = place_of[explaining.points];
        explain(&explaining, 0, weight_of[explaining.points], sum);
    }
    for (Py_ssize_t at = 0; at <= width; at++) {
        double whole = at < width ? 0 : forest->base;
        for (int q = 0; at < width && q < POINTS_MAX; q++) whole += explaining.parts[at][q];
        PyObject *number = PyFloat_FromDouble(whole);
        if (number == NULL) {
            Py_CLEAR(told);
            break;
        }
        PyList_SET_ITEM(told, at, number);
    }
done:
    PyMem_Free(explaining.parts);
    PyMem_Free(explaining.factors);
    return told != NULL || PyErr_Occurred() ? told : PyErr_NoMemory();
}

/* One tree as its text has it. Children below 0 are leaves: ~child. */
typedef struct {
    Py_buffer features, kinds, thresholds, lefts, rights, counts, leaf_values, leaf_counts;
    Py_ssize_t inner, leaves;
} Text;

static int32_t whole_at(const Py_buffer *buffer, Py_ssize_t at) { return ((const int32_t *)buffer->buf)[at]; }
static double number_at(const Py_buffer *buffer, Py_ssize_t at) { return ((const double *)buffer->buf)[at]; }

typedef struct {
    int32_t child;
    int parent;       /* place of its node; -1: the root */
    int side, depth;
    Cover cover;
} Waiting;

enum { PACKED, UNFIT, FAILED };

/* What stands at a child of this tree: its training rows; -1 and an error where there is none. */
static int32_t count_of(const Text *text, int32_t child) {
    if (child >= 0 ? child < text->inner : ~child < text->leaves)
        return child >= 0 ? whole_at(&text->counts, child) : whole_at(&text->leaf_counts, ~child);
    PyErr_Format(PyExc_ValueError, "a split leads to %d, which is not there", child);
    return -1;
}

/* The share of training rows that the splits above `at` by its feature have left, and how many features there are from
 * it to the root. */
static double share_above(const Node *tree, const Cover *covers, const int *parents, int at, int *distinct) {
    double share = 1;
    bool seen[WIDTH_MAX] = {false};
    const int feature = tree[at].flags >> FEATURE_SHIFT;
    seen[feature] = true;
    *distinct = 1;
    for (int above = parents[at], below = at, is_found = 0; above >= 0; below = above, above = parents[above]) {
        int one = tree[above].flags >> FEATURE_SHIFT;
        if (one == feature && !is_found) {
            share = covers[below].of_feature;
            is_found = 1;
        }
        *distinct += !seen[one];
        seen[one] = true;
    }
    return share;
}

/* Nodes in the order in which they are visited: behind each node the child that most training rows came to. */
static int pack_tree(Forest *forest, const Text *text, uint32_t root, Py_ssize_t number) {
    Node *tree = forest->nodes + root;
    Cover *covers = forest->covers + root;
    Py_ssize_t nodes = text->inner + text->leaves, width = forest->width;
    int filled = 0, waiting = 0, distinct_max = 0, told = FAILED;
    int *parents = PyMem_New(int, nodes);
    Waiting *stack = PyMem_New(Waiting, nodes + 1);
    bool *seen = PyMem_Calloc((size_t)nodes, sizeof(bool)); /* leaves behind splits */
    if (parents == NULL || stack == NULL || seen == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    stack[waiting++] = (Waiting){text->inner ? 0 : ~0, -1, 0, 0, {1, 1}};
    while (waiting) {
        Waiting next = stack[--waiting];
        bool *is_seen = seen + (next.child < 0 ? text->inner + ~next.child : next.child);
        if (*is_seen) {
            PyErr_SetString(PyExc_ValueError, "two splits lead to one place");
            goto done;
        }
        *is_seen = true;
        int at = filled++;
        parents[at] = next.parent;
        covers[at] = next.cover;
        if (next.parent >= 0) tree[next.parent].child[next.side] = (uint16_t)at;
        if (next.child < 0) {
            tree[at] = (Node){number_at(&text->leaf_values, ~next.child), {(uint16_t)at, (uint16_t)at}, 0, IS_LEAF};
            continue;
        }
        Py_ssize_t from = next.child;
        int feature = whole_at(&text->features, from), kind = whole_at(&text->kinds, from), missing = kind >> 2;
        int children[] = {whole_at(&text->lefts, from), whole_at(&text->rights, from)};
        if (feature < 0 || feature >= width) {
            PyErr_Format(PyExc_ValueError, "a split asks for feature %d of %zd", feature, width);
            goto done;
        }
        if (kind < 0 || kind & CATEGORICAL || missing > UNKNOWN || next.depth >= DEPTH_MAX) {
            told = UNFIT;
            goto done;
        }
        int row = missing == NOTHING ? AS_IT_IS : 2 * missing - !(kind & DEFAULT_LEFT);
        tree[at] = (Node){
            .threshold = number_at(&text->thresholds, from), .place = (uint16_t)(row * width + feature),
            .flags = (uint16_t)(feature << FEATURE_SHIFT),
        };
        int distinct;
        double share = share_above(tree, covers, parents, at, &distinct);
        if (distinct > distinct_max) distinct_max = distinct;
        int32_t counts[2], whole = count_of(text, next.child);
        for (int side = 0; side < 2; side++)
            if ((counts[side] = count_of(text, children[side])) < 0 && PyErr_Occurred()) goto done;
        if (counts[0] <= 0 || counts[1] <= 0 || whole <= 0) {
            told = UNFIT;
            goto done;
        }
        int heavier = counts[1] > counts[0];
        for (int turn = 0; turn < 2; turn++) { /* what is pushed last comes first */
            int side = turn ? heavier : !heavier;
            double part = counts[side] / (double)whole;
            stack[waiting++] = (Waiting){children[side], at, side, next.depth + 1, {part, share * part}};
        }
    }
    if (filled != nodes) {
        PyErr_SetString(PyExc_ValueError, "no split leads to some of its places");
        goto done;
    }
    forest->points[number] = distinct_max <= 8 ? 4 : distinct_max <= 16 ? 8 : 16;
    told = distinct_max > 2 * POINTS_MAX ? UNFIT : PACKED;
done:
    PyMem_Free(parents);
    PyMem_Free(stack);
    PyMem_Free(seen);
    return told;
}

/* The mean over its training rows, as the library adds it up. */
static double mean_of(const Text *text) {
    if (text->inner == 0) return number_at(&text->leaf_values, 0);
    double whole = whole_at(&text->counts, 0), mean = 0;
    for (Py_ssize_t at = 0; at < text->leaves; at++)
        mean += whole_at(&text->leaf_counts, at) / whole * number_at(&text->leaf_values, at);
    return mean;
}

static void close_text(Text *text) {
    Py_buffer *all[] = {&text->features, &text->kinds, &text->thresholds, &text->lefts,
                        &text->rights, &text->counts, &text->leaf_values, &text->leaf_counts};
    for (size_t at = 0; at < sizeof all / sizeof *all; at++) PyBuffer_Release(all[at]);
}

static bool open_text(PyObject *told, Text *text) {
    if (!PyArg_ParseTuple(
            told, "y*y*y*y*y*y*y*y*", &text->features, &text->kinds, &text->thresholds, &text->lefts, &text->rights,
            &text->counts, &text->leaf_values, &text->leaf_counts))
        return false;
    text->inner = text->features.len / (Py_ssize_t)sizeof(int32_t);
    text->leaves = text->inner + 1;
    const Py_buffer *wholes[] = {&text->features, &text->kinds, &text->lefts, &text->rights, &text->counts};
    bool fits = text->thresholds.len == text->inner * 8 && text->leaf_values.len == text->leaves * 8 &&
                text->leaf_counts.len == text->leaves * 4;
    for (size_t at = 0; at < sizeof wholes / sizeof *wholes; at++) fits &= wholes[at]->len == text->inner * 4;
    if (fits) return true;
    PyErr_SetString(PyExc_ValueError, "the rows of a tree are not of one length");
    close_text(text);
    return false;
}

static void forest_dealloc(Forest *forest) {
    PyMem_Free(forest->nodes);
    PyMem_Free(forest->covers);
    PyMem_Free(forest->roots);
    PyMem_Free(forest->points);
    Py_TYPE(forest)->tp_free((PyObject *)forest);
}

static PyMethodDef forest_methods[] = {
    {"margin", (PyCFunction)(void (*)(void))forest_margin, METH_O, NULL},
    {"contributions", (PyCFunction)(void (*)(void))forest_contributions, METH_O, NULL},
    {0}};

static PyTypeObject Forest_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "fourthwatch.model._trees.Forest",
    .tp_basicsize = sizeof(Forest),
    .tp_dealloc = (destructor)forest_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = forest_methods,
};

/* packed(width, trees): a Forest; None when a tree is of a kind that is not packed; ValueError when one cannot be. */
static PyObject *module_packed(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_ssize_t width, size = 0;
    PyObject *trees;
    if (!PyArg_ParseTuple(arguments, "nO!", &width, &PyList_Type, &trees)) return NULL;
    Py_ssize_t count = PyList_GET_SIZE(trees);
    if (width < 1 || width > WIDTH_MAX || count < 1) Py_RETURN_NONE;
    for (Py_ssize_t number = 0; number < count; number++) {
        Text text;
        if (!open_text(PyList_GET_ITEM(trees, number), &text)) return NULL;
        close_text(&text);
        if (text.inner + text.leaves > NODES_MAX) Py_RETURN_NONE;
        size += text.inner + text.leaves;
    }
    if (size > UINT32_MAX) Py_RETURN_NONE;
    Forest *forest = PyObject_New(Forest, &Forest_type);
    if (forest == NULL) return NULL;
    forest->width = width, forest->count = count, forest->base = 0;
    forest->nodes = PyMem_New(Node, size);
    forest->covers = PyMem_New(Cover, size);
    forest->roots = PyMem_New(uint32_t, count);
    forest->points = PyMem_New(uint8_t, count);
    int told = PACKED;
    if (forest->nodes == NULL || forest->covers == NULL || forest->roots == NULL || forest->points == NULL) {
        PyErr_NoMemory();
        told = FAILED;
    }
    uint32_t root = 0;
    for (Py_ssize_t number = 0; told == PACKED && number < count; number++) {
        Text text;
        if (!open_text(PyList_GET_ITEM(trees, number), &text)) {
            told = FAILED;
            break;
        }
        forest->roots[number] = root;
        told = pack_tree(forest, &text, root, number);
        forest->base += mean_of(&text);
        root += (uint32_t)(text.inner + text.leaves);
        close_text(&text);
    }
    if (told == PACKED) return (PyObject *)forest;
    Py_DECREF(forest);
    if (told == UNFIT) Py_RETURN_NONE;
    return NULL;
}

static PyMethodDef methods[] = {{"packed", module_packed, METH_VARARGS, NULL}, {0}};

static int module_exec(PyObject *module) {
    (void)module;
    for (int count = LANES; count <= POINTS_MAX; count *= 2) make_points(count);
    return PyType_Ready(&Forest_type);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_trees", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__trees(void) { return PyModuleDef_Init(&definition); }
