/* The parts of compiled expressions, as closures.py has them in Python: each a callable over one list of values.
 *
 * A part that calls another part of this file does so without the interpreter. Three-valued: None is unknown. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONSTANT, TAKEN, NEGATED, JOINED, ORDERED, EQUAL, AMONG, CALCULATED, CALLED, CALLED_WITH_ALL, FITTING, NUMBERED, CHOSEN, GREATEST };
enum { IS_NUMBER = 1, IS_TEXT, IS_TRUTH };

typedef struct {
    PyObject_VAR_HEAD
    vectorcallfunc vectorcall;
    int what;
    int how;        /* JOINED: whether "and"; ORDERED: Py_LT and so on; EQUAL: what is wanted; CALCULATED: the sign */
    Py_ssize_t at;  /* TAKEN */
    PyObject *one;   /* CONSTANT: the value; AMONG: members; CALCULATED: the slow way; CALLED…: the function */
    PyObject *other; /* AMONG, FITTING: classes; CALLED: classes, one set for each part */
    PyObject *parts[];
} Part;

static PyTypeObject Part_type;

static PyObject *evaluate(Part *part, PyObject *given, PyObject **items, Py_ssize_t count);

/* Any callable over the values; a part is asked directly. New reference. */
static inline PyObject *ask(PyObject *run, PyObject *given, PyObject **items, Py_ssize_t count) {
    if (Py_IS_TYPE(run, &Part_type)) return evaluate((Part *)run, given, items, count);
    return PyObject_CallOneArg(run, given);
}

static inline PyObject *known(PyObject *value) { return Py_NewRef(value); }
static inline PyObject *unknown(void) { return Py_NewRef(Py_None); }
static inline PyObject *truth(bool told) { return Py_NewRef(told ? Py_True : Py_False); }

static inline int kind_of(PyObject *value) {
    if (PyLong_CheckExact(value) || PyFloat_CheckExact(value)) return IS_NUMBER;
    if (PyUnicode_CheckExact(value)) return IS_TEXT;
    return PyBool_Check(value) ? IS_TRUTH : 0;
}

/* A number that a double holds exactly, so that comparing and adding doubles is what Python does. */
#define EXACT_MAX (1LL << 53)
static inline bool exact(PyObject *value, double *as) {
    if (PyFloat_CheckExact(value)) {
        *as = PyFloat_AS_DOUBLE(value);
        return true;
    }
    int beyond;
    long long whole = PyLong_AsLongLongAndOverflow(value, &beyond);
    if (beyond || whole > EXACT_MAX || whole < -EXACT_MAX) return false;
    *as = (double)whole;
    return true;
}

static PyObject *compared(int how, PyObject *left, PyObject *right) {
    if (kind_of(left) != IS_NUMBER || kind_of(right) != IS_NUMBER) return unknown();
    double one, other;
    if (!exact(left, &one) || !exact(right, &other)) {
        int told = PyObject_RichCompareBool(left, right, how);
        return told < 0 ? NULL : truth(told);
    }
    switch (how) {
    case Py_LT: return truth(one < other);
    case Py_LE: return truth(one <= other);
    case Py_GT: return truth(one > other);
    default: return truth(one >= other);
    }
}

static PyObject *equal(bool wanted, PyObject *left, PyObject *right) {
    int kind = kind_of(left);
    if (kind == 0 || kind != kind_of(right)) return unknown();
    PyObject *told = PyObject_RichCompare(left, right, Py_EQ); /* not …Bool, for which a nan is equal to itself */
    if (told == NULL) return NULL;
    bool same = told == Py_True;
    Py_DECREF(told);
    return truth(same == wanted);
}

static PyObject *calculated(Part *part, PyObject *left, PyObject *right) {
    if (kind_of(left) != IS_NUMBER || kind_of(right) != IS_NUMBER) return unknown();
    bool are_whole = PyLong_CheckExact(left) && PyLong_CheckExact(right);
    double one, other, result;
    if (!exact(left, &one) || !exact(right, &other)) goto slow;
    switch (part->how) {
    case '+': result = one + other; break;
    case '-': result = one - other; break;
    case '*': result = one * other; break;
    case '/':
        if (other == 0) return unknown();
        result = one / other;
        are_whole = false;
        break;
    default: goto slow;
    }
    if (are_whole) {
        if (fabs(result) >= (double)EXACT_MAX) goto slow; /* it may have been rounded to this */
        return PyLong_FromLongLong((long long)result);
    }
    return isfinite(result) ? PyFloat_FromDouble(result) : unknown();
slow:
    return PyObject_CallFunctionObjArgs(part->one, left, right, NULL);
}

static PyObject *called(Part *part, PyObject *given, PyObject **items, Py_ssize_t count) {
    enum { FEW = 8 };
    Py_ssize_t size = Py_SIZE(part), filled = 0;
    PyObject *few[FEW + 1], **room = few, *result = NULL;
    if (size > FEW && (room = PyMem_New(PyObject *, size + 1)) == NULL) return PyErr_NoMemory();
    PyObject **arguments = room + 1; /* the place before them may be used by whoever is called */
    for (; filled < size; filled++) {
        PyObject *value = ask(part->parts[filled], given, items, count);
        if (value == NULL) goto done;
        arguments[filled] = value;
        if (part->what == CALLED) {
            int fits = PySet_Contains(PyTuple_GET_ITEM(part->other, filled), (PyObject *)Py_TYPE(value));
            if (fits <= 0) {
                filled++;
                if (fits == 0) result = unknown();
                goto done;
            }
        }
    }
    result = PyObject_Vectorcall(part->one, arguments, (size_t)size | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
done:
    while (filled > 0) Py_DECREF(arguments[--filled]);
    if (room != few) PyMem_Free(room);
    return result;
}

static PyObject *of_two(Part *part, PyObject *given, PyObject **items, Py_ssize_t count) {
    PyObject *left = ask(part->parts[0], given, items, count), *right, *result;
    if (left == NULL) return NULL;
    right = ask(part->parts[1], given, items, count);
    if (right == NULL) {
        Py_DECREF(left);
        return NULL;
    }
    switch (part->what) {
    case ORDERED: result = compared(part->how, left, right); break;
    case EQUAL: result = equal(part->how, left, right); break;
    default: result = calculated(part, left, right);
    }
    Py_DECREF(left);
    Py_DECREF(right);
    return result;
}

static PyObject *of_one(Part *part, PyObject *given, PyObject **items, Py_ssize_t count) {
    PyObject *value = ask(part->parts[0], given, items, count), *result;
    if (value == NULL) return NULL;
    int told;
    switch (part->what) {
    case NEGATED:
        result = value == Py_True ? Py_False : value == Py_False ? Py_True : Py_None;
        Py_INCREF(result);
        break;
    case NUMBERED:
        if (value == Py_None) result = unknown();
        else {
            told = PyObject_IsTrue(value);
            result = told < 0 ? NULL : PyFloat_FromDouble(told);
        }
        break;
    case FITTING:
        told = PySet_Contains(part->other, (PyObject *)Py_TYPE(value));
        result = told < 0 ? NULL : known(told ? value : Py_None);
        break;
    default: /* AMONG */
        told = PySet_Contains(part->other, (PyObject *)Py_TYPE(value));
        if (told > 0) {
            told = PySet_Contains(part->one, value);
            result = told < 0 ? NULL : truth(told);
        } else {
            result = told < 0 ? NULL : unknown();
        }
    }
    Py_DECREF(value);
    return result;
}

static PyObject *joined(Part *part, PyObject *given, PyObject **items, Py_ssize_t count) {
    PyObject *deciding = part->how ? Py_False : Py_True, *neutral = part->how ? Py_True : Py_False, *result = neutral;
    for (Py_ssize_t i = 0; i < Py_SIZE(part); i++) {
        PyObject *value = ask(part->parts[i], given, items, count);
        if (value == NULL) return NULL;
        Py_DECREF(value); /* only which one it was is looked at below */
        if (value == deciding) return known(deciding);
        if (value != neutral) result = Py_None;
    }
    return known(result);
}

/* The second part where the first holds, the third where it does not. */
static PyObject *chosen(Part *part, PyObject *given, PyObject **items, Py_ssize_t count) {
    PyObject *told = ask(part->parts[0], given, items, count);
    if (told == NULL) return NULL;
    Py_DECREF(told); /* only which one it was is looked at below */
    if (told != Py_True && told != Py_False) return unknown();
    return ask(part->parts[told == Py_True ? 1 : 2], given, items, count);
}

static PyObject *greatest(Part *part, PyObject *given, PyObject **items, Py_ssize_t count) {
    PyObject *found = unknown();
    for (Py_ssize_t i = 0; i < Py_SIZE(part); i++) {
        PyObject *value = ask(part->parts[i], given, items, count);
        int is_greater = value == NULL ? -1
            : !(PyLong_CheckExact(value) || PyFloat_CheckExact(value)) ? 0
            : found == Py_None ? 1 : PyObject_RichCompareBool(value, found, Py_GT);
        if (is_greater > 0) Py_SETREF(found, value);
        else Py_XDECREF(value);
        if (is_greater < 0) {
            Py_DECREF(found);
            return NULL;
        }
    }
    return found;
}

static PyObject *evaluate(Part *part, PyObject *given, PyObject **items, Py_ssize_t count) {
    switch (part->what) {
    case CONSTANT: return known(part->one);
    case TAKEN:
        if (part->at >= count) return PyErr_Format(PyExc_IndexError, "there are fewer values than are read");
        return known(items[part->at]);
    case JOINED: return joined(part, given, items, count);
    case CHOSEN: return chosen(part, given, items, count);
    case GREATEST: return greatest(part, given, items, count);
    case ORDERED:
    case EQUAL:
    case CALCULATED: return of_two(part, given, items, count);
    case CALLED:
    case CALLED_WITH_ALL: return called(part, given, items, count);
    default: return of_one(part, given, items, count);
    }
}

static PyObject *Part_call(PyObject *self, PyObject *const *arguments, size_t flags, PyObject *names) {
    if (PyVectorcall_NARGS(flags) != 1 || names != NULL)
        return PyErr_Format(PyExc_TypeError, "a part takes one list of values");
    PyObject *fast = PySequence_Fast(arguments[0], "a part takes one list of values");
    if (fast == NULL) return NULL;
    PyObject *result = evaluate((Part *)self, fast, PySequence_Fast_ITEMS(fast), PySequence_Fast_GET_SIZE(fast));
    Py_DECREF(fast);
    return result;
}

static int Part_traverse(PyObject *self, visitproc visit, void *arg) {
    Part *part = (Part *)self;
    Py_VISIT(part->one);
    Py_VISIT(part->other);
    for (Py_ssize_t i = 0; i < Py_SIZE(part); i++) Py_VISIT(part->parts[i]);
    return 0;
}

static int Part_clear(PyObject *self) {
    Part *part = (Part *)self;
    Py_ssize_t size = Py_SIZE(part);
    Py_SET_SIZE(part, 0);
    Py_CLEAR(part->one);
    Py_CLEAR(part->other);
    for (Py_ssize_t i = 0; i < size; i++) Py_CLEAR(part->parts[i]);
    return 0;
}

static void Part_dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    Part_clear(self);
    PyObject_GC_Del(self);
}

static PyTypeObject Part_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "fourthwatch.language._machine.Part",
    .tp_doc = "A compiled part of an expression.",
    .tp_basicsize = offsetof(Part, parts),
    .tp_itemsize = sizeof(PyObject *),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Part, vectorcall),
    .tp_traverse = Part_traverse,
    .tp_clear = Part_clear,
    .tp_dealloc = Part_dealloc,
};

static PyObject *new_part(int what, int how, PyObject *one, PyObject *other, PyObject *const *parts, Py_ssize_t size) {
    Part *part = PyObject_GC_NewVar(Part, &Part_type, size);
    if (part == NULL) return NULL;
    part->vectorcall = Part_call;
    part->what = what;
    part->how = how;
    part->at = 0;
    part->one = Py_XNewRef(one);
    part->other = Py_XNewRef(other);
    for (Py_ssize_t i = 0; i < size; i++) part->parts[i] = Py_NewRef(parts[i]);
    PyObject_GC_Track(part);
    return (PyObject *)part;
}

static PyObject *make_constant(PyObject *module, PyObject *value) {
    (void)module;
    return new_part(CONSTANT, 0, value, NULL, NULL, 0);
}

static PyObject *make_taken(PyObject *module, PyObject *number) {
    (void)module;
    Py_ssize_t at = PyLong_AsSsize_t(number);
    if (at < 0) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "a place is 0 or more");
    PyObject *part = new_part(TAKEN, 0, NULL, NULL, NULL, 0);
    if (part != NULL) ((Part *)part)->at = at;
    return part;
}

static PyObject *make_negated(PyObject *module, PyObject *operand) {
    (void)module;
    return new_part(NEGATED, 0, NULL, NULL, &operand, 1);
}

static PyObject *make_numbered(PyObject *module, PyObject *operand) {
    (void)module;
    return new_part(NUMBERED, 0, NULL, NULL, &operand, 1);
}

static PyObject *make_joined(PyObject *module, PyObject *arguments) {
    (void)module;
    int is_and;
    PyObject *operands;
    if (!PyArg_ParseTuple(arguments, "pO!", &is_and, &PyTuple_Type, &operands)) return NULL;
    return new_part(JOINED, is_and, NULL, NULL, &PyTuple_GET_ITEM(operands, 0), PyTuple_GET_SIZE(operands));
}

static PyObject *make_chosen(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *parts[3];
    if (!PyArg_ParseTuple(arguments, "OOO", &parts[0], &parts[1], &parts[2])) return NULL;
    return new_part(CHOSEN, 0, NULL, NULL, parts, 3);
}

static PyObject *make_greatest(PyObject *module, PyObject *arguments) {
    (void)module;
    return new_part(GREATEST, 0, NULL, NULL, &PyTuple_GET_ITEM(arguments, 0), PyTuple_GET_SIZE(arguments));
}

static PyObject *make_ordered(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *sign;
    PyObject *parts[2];
    if (!PyArg_ParseTuple(arguments, "sOO", &sign, &parts[0], &parts[1])) return NULL;
    bool or_equal = sign[0] != '\0' && sign[1] == '=';
    int how = sign[0] == '<' ? (or_equal ? Py_LE : Py_LT) : (or_equal ? Py_GE : Py_GT);
    return new_part(ORDERED, how, NULL, NULL, parts, 2);
}

static PyObject *make_equal(PyObject *module, PyObject *arguments) {
    (void)module;
    int wanted;
    PyObject *parts[2];
    if (!PyArg_ParseTuple(arguments, "OOp", &parts[0], &parts[1], &wanted)) return NULL;
    return new_part(EQUAL, wanted, NULL, NULL, parts, 2);
}

static PyObject *make_among(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *item, *classes, *members;
    if (!PyArg_ParseTuple(arguments, "OO!O!", &item, &PyFrozenSet_Type, &classes, &PyFrozenSet_Type, &members))
        return NULL;
    return new_part(AMONG, 0, members, classes, &item, 1);
}

static PyObject *make_calculated(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *sign;
    PyObject *slow, *parts[2];
    if (!PyArg_ParseTuple(arguments, "sOOO", &sign, &slow, &parts[0], &parts[1])) return NULL;
    return new_part(CALCULATED, sign[0], slow, NULL, parts, 2);
}

static PyObject *make_called(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *function, *parts, *classes;
    if (!PyArg_ParseTuple(arguments, "OO!O!", &function, &PyTuple_Type, &parts, &PyTuple_Type, &classes)) return NULL;
    if (PyTuple_GET_SIZE(parts) != PyTuple_GET_SIZE(classes))
        return PyErr_Format(PyExc_ValueError, "each part has its classes");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(classes); i++)
        if (!PyFrozenSet_CheckExact(PyTuple_GET_ITEM(classes, i)))
            return PyErr_Format(PyExc_TypeError, "classes are a frozen set");
    return new_part(CALLED, 0, function, classes, &PyTuple_GET_ITEM(parts, 0), PyTuple_GET_SIZE(parts));
}

static PyObject *make_called_with_all(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *function, *parts;
    if (!PyArg_ParseTuple(arguments, "OO!", &function, &PyTuple_Type, &parts)) return NULL;
    return new_part(CALLED_WITH_ALL, 0, function, NULL, &PyTuple_GET_ITEM(parts, 0), PyTuple_GET_SIZE(parts));
}

static PyObject *make_fitting(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *run, *classes;
    if (!PyArg_ParseTuple(arguments, "OO!", &run, &PyFrozenSet_Type, &classes)) return NULL;
    return new_part(FITTING, 0, NULL, classes, &run, 1);
}

/* results(runs, values) -> (a letter each, places of the hits) */
static PyObject *module_results(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (given != 2 || !PyTuple_CheckExact(arguments[0]) || !PyList_CheckExact(arguments[1]))
        return PyErr_Format(PyExc_TypeError, "results(runs: tuple, values: list)");
    PyObject *runs = arguments[0], *values = arguments[1], *hits = PyList_New(0);
    Py_ssize_t size = PyTuple_GET_SIZE(runs);
    PyObject *letters = PyUnicode_New(size, 127);
    if (letters == NULL || hits == NULL) goto failed;
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *told = ask(
            PyTuple_GET_ITEM(runs, i), values, PySequence_Fast_ITEMS(values), PyList_GET_SIZE(values)
        );
        if (told == NULL) goto failed;
        Py_DECREF(told); /* a truth or None: only which one is looked at */
        char letter = told == Py_True ? 'h' : told == Py_False ? 'm' : 'u';
        PyUnicode_1BYTE_DATA(letters)[i] = (Py_UCS1)letter;
        if (letter == 'h') {
            PyObject *at = PyLong_FromSsize_t(i);
            if (at == NULL || PyList_Append(hits, at) < 0) {
                Py_XDECREF(at);
                goto failed;
            }
            Py_DECREF(at);
        }
    }
    return Py_BuildValue("(NN)", letters, hits);
failed:
    Py_XDECREF(letters);
    Py_XDECREF(hits);
    return NULL;
}

/* fill(steps, ways, values, event, subject): each step's value joins the list; a way is 'v', 's' or 'e'. */
static PyObject *module_fill(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (given != 5 || !PyTuple_CheckExact(arguments[0]) || !PyBytes_CheckExact(arguments[1]) ||
        !PyList_CheckExact(arguments[2]) || PyTuple_GET_SIZE(arguments[0]) != PyBytes_GET_SIZE(arguments[1]))
        return PyErr_Format(PyExc_TypeError, "fill(steps: tuple, ways: bytes, values: list, present, subject)");
    PyObject *steps = arguments[0], *values = arguments[2];
    const char *ways = PyBytes_AS_STRING(arguments[1]);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(steps); i++) {
        PyObject *step = PyTuple_GET_ITEM(steps, i), *value;
        if (ways[i] == 'v')
            value = ask(step, values, PySequence_Fast_ITEMS(values), PyList_GET_SIZE(values));
        else if (ways[i] == 's')
            value = PyObject_CallOneArg(step, arguments[4]);
        else {
            PyObject *both[] = {NULL, values, arguments[3]};
            value = PyObject_Vectorcall(step, both + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        }
        if (value == NULL) return NULL;
        int failed = PyList_Append(values, value);
        Py_DECREF(value);
        if (failed) return NULL;
    }
    Py_RETURN_NONE;
}

typedef struct {
    Py_ssize_t at;
    PyObject *line;
    double points;
} Signal;

/* signals(counted, lines, values, most): the first condition of each code, the sign of its points, and what it shows. */
static PyObject *module_signals(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (given != 4 || !PyList_CheckExact(arguments[0]) || !PyTuple_CheckExact(arguments[1]) ||
        !PyList_CheckExact(arguments[2]))
        return PyErr_Format(PyExc_TypeError, "signals(counted: list, lines: tuple, values: list, most: int)");
    PyObject *counted = arguments[0], *lines = arguments[1], *values = arguments[2], *told = NULL;
    Py_ssize_t size = PyList_GET_SIZE(counted), found = 0, most = PyLong_AsSsize_t(arguments[3]);
    if (most < 0) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "at most 0 or more");
    Signal *signals = PyMem_New(Signal, size ? size : 1);
    if (signals == NULL) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < size; i++) {
        Py_ssize_t at = PyLong_AsSsize_t(PyList_GET_ITEM(counted, i)), same = 0;
        if (at < 0 || at >= PyTuple_GET_SIZE(lines)) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_IndexError, "there are fewer conditions than are counted");
            goto done;
        }
        PyObject *line = PyTuple_GET_ITEM(lines, at);
        if (!PyTuple_CheckExact(line) || PyTuple_GET_SIZE(line) != 4 || !PyFloat_CheckExact(PyTuple_GET_ITEM(line, 1))) {
            PyErr_SetString(PyExc_TypeError, "a line is (code: object, weight: float, sign: int or None, show)");
            goto done;
        }
        while (same < found && PyTuple_GET_ITEM(signals[same].line, 0) != PyTuple_GET_ITEM(line, 0)) same++;
        if (same == found) signals[found++] = (Signal){at, line, 0.0};
        signals[same].points += PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(line, 1));
    }
    if (found > most) found = most;
    if ((told = PyList_New(found)) == NULL) goto done;
    for (Py_ssize_t i = 0; i < found; i++) {
        PyObject *line = signals[i].line, *given_sign = PyTuple_GET_ITEM(line, 2);
        double points = signals[i].points;
        PyObject *sign = given_sign != Py_None ? Py_NewRef(given_sign) : PyLong_FromLong((points > 0) - (points < 0));
        if (sign == NULL) goto failed;
        PyObject *value = ask(
            PyTuple_GET_ITEM(line, 3), values, PySequence_Fast_ITEMS(values), PyList_GET_SIZE(values)
        );
        PyObject *one = value == NULL ? NULL : Py_BuildValue("(nOON)", signals[i].at, sign, Py_TYPE(value), value);
        Py_DECREF(sign);
        if (one == NULL) goto failed;
        PyList_SET_ITEM(told, i, one);
    }
done:
    PyMem_Free(signals);
    return told;
failed:
    Py_CLEAR(told);
    goto done;
}

static PyMethodDef methods[] = {
    {"constant", make_constant, METH_O, NULL},
    {"taken", make_taken, METH_O, NULL},
    {"negated", make_negated, METH_O, NULL},
    {"numbered", make_numbered, METH_O, NULL},
    {"joined", make_joined, METH_VARARGS, NULL},
    {"chosen", make_chosen, METH_VARARGS, NULL},
    {"greatest", make_greatest, METH_VARARGS, NULL},
    {"ordered", make_ordered, METH_VARARGS, NULL},
    {"equal", make_equal, METH_VARARGS, NULL},
    {"among", make_among, METH_VARARGS, NULL},
    {"calculated", make_calculated, METH_VARARGS, NULL},
    {"called", make_called, METH_VARARGS, NULL},
    {"called_with_all", make_called_with_all, METH_VARARGS, NULL},
    {"fitting", make_fitting, METH_VARARGS, NULL},
    {"results", (PyCFunction)(void (*)(void))module_results, METH_FASTCALL, NULL},
    {"signals", (PyCFunction)(void (*)(void))module_signals, METH_FASTCALL, NULL},
    {"fill", (PyCFunction)(void (*)(void))module_fill, METH_FASTCALL, NULL},
    {0}};

static int module_exec(PyObject *module) {
    (void)module;
    return PyType_Ready(&Part_type);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_machine", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__machine(void) { return PyModuleDef_Init(&definition); }
