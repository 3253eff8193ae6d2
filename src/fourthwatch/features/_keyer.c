/* Keys of the things that an event involves, as keying.py has them in Python.
 *
 * A key is what `digest` makes of `tenant|prefix` and the thing's normal form, and never 0. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *prefix;    /* text */
    PyObject *attribute; /* of who is involved */
    PyObject *texts;     /* or None; else it says what `attribute` does not */
    PyObject *digest;
} Keyer;

static PyTypeObject Keyer_type;
static PyObject *name_tenant, *name_involved;

/* One subject whose things are asked for: what all its keys begin with, and who is involved. */
typedef struct {
    PyObject *subject, *involved; /* borrowed; new, and NULL until the first key is made */
    char head[24];
    const char *from; /* "tenant|" at the end of head */
} Asked;

/* What `done_with` gives back; nothing is looked up before there is a key to make. */
static Asked about(PyObject *subject) { return (Asked){.subject = subject}; }
static void done_with(Asked *asked) { Py_CLEAR(asked->involved); }

static int look_at(Asked *asked) {
    if (asked->involved != NULL) return 0;
    PyObject *number = PyObject_GetAttr(asked->subject, name_tenant);
    if (number == NULL) return -1;
    long long tenant = PyLong_AsLongLong(number);
    Py_DECREF(number);
    if (tenant == -1 && PyErr_Occurred()) return -1;
    char *at = asked->head + sizeof asked->head;
    unsigned long long left = tenant < 0 ? 0 - (unsigned long long)tenant : (unsigned long long)tenant;
    *--at = '|';
    do *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (tenant < 0) *--at = '-';
    asked->from = at;
    asked->involved = PyObject_GetAttr(asked->subject, name_involved);
    return asked->involved == NULL ? -1 : 0;
}

static PyObject *key_of(Keyer *keyer, const Asked *asked, PyObject *text) {
    size_t head_size = (size_t)(asked->head + sizeof asked->head - asked->from);
    Py_ssize_t prefix_size, text_size;
    const char *prefix = PyUnicode_AsUTF8AndSize(keyer->prefix, &prefix_size);
    if (prefix == NULL) return NULL;
    if (!PyUnicode_Check(text)) return PyErr_Format(PyExc_TypeError, "a thing is known by a text");
    const char *said = PyUnicode_AsUTF8AndSize(text, &text_size);
    if (said == NULL) return NULL;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)head_size + prefix_size + text_size);
    if (bytes == NULL) return NULL;
    char *into = PyBytes_AS_STRING(bytes);
    memcpy(into, asked->from, head_size);
    memcpy(into + head_size, prefix, (size_t)prefix_size);
    memcpy(into + head_size + prefix_size, said, (size_t)text_size);
    PyObject *key = PyObject_CallOneArg(keyer->digest, bytes);
    Py_DECREF(bytes);
    if (key == NULL) return NULL;
    int is_some = PyObject_IsTrue(key);
    if (is_some > 0) return key;
    Py_DECREF(key);
    return is_some < 0 ? NULL : PyLong_FromLong(1);
}

/* The keys of a subject's things of this kind, most important first. */
static PyObject *keys_of(Keyer *keyer, Asked *asked) {
    PyObject *texts = NULL, *keys = NULL;
    if (look_at(asked) < 0) return NULL;
    texts = keyer->texts == Py_None ? PyObject_GetAttr(asked->involved, keyer->attribute)
                                    : PyObject_CallOneArg(keyer->texts, asked->subject);
    if (texts == NULL) return NULL;
    if (texts == Py_None) {
        keys = PyTuple_New(0);
    } else if (PyUnicode_Check(texts)) {
        PyObject *key = key_of(keyer, asked, texts);
        if (key != NULL) {
            keys = PyTuple_Pack(1, key);
            Py_DECREF(key);
        }
    } else if (PyTuple_Check(texts)) {
        keys = PyTuple_New(PyTuple_GET_SIZE(texts));
        for (Py_ssize_t i = 0; keys != NULL && i < PyTuple_GET_SIZE(texts); i++) {
            PyObject *key = key_of(keyer, asked, PyTuple_GET_ITEM(texts, i));
            if (key == NULL) Py_CLEAR(keys);
            else PyTuple_SET_ITEM(keys, i, key);
        }
    } else {
        PyErr_Format(PyExc_TypeError, "things are a text or a tuple of texts");
    }
    Py_DECREF(texts);
    return keys;
}

static PyObject *Keyer_call(PyObject *self, PyObject *const *arguments, size_t flags, PyObject *names) {
    if (PyVectorcall_NARGS(flags) != 1 || names != NULL)
        return PyErr_Format(PyExc_TypeError, "a keyer takes one subject");
    Asked asked = about(arguments[0]);
    PyObject *keys = keys_of((Keyer *)self, &asked);
    done_with(&asked);
    return keys;
}

static int Keyer_traverse(PyObject *self, visitproc visit, void *arg) {
    Keyer *keyer = (Keyer *)self;
    Py_VISIT(keyer->prefix);
    Py_VISIT(keyer->attribute);
    Py_VISIT(keyer->texts);
    Py_VISIT(keyer->digest);
    return 0;
}

static int Keyer_clear(PyObject *self) {
    Keyer *keyer = (Keyer *)self;
    Py_CLEAR(keyer->prefix);
    Py_CLEAR(keyer->attribute);
    Py_CLEAR(keyer->texts);
    Py_CLEAR(keyer->digest);
    return 0;
}

static void Keyer_dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    Keyer_clear(self);
    PyObject_GC_Del(self);
}

static PyTypeObject Keyer_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "fourthwatch.features._keyer.Keyer",
    .tp_doc = "Makes the keys of a subject's things of one kind.",
    .tp_basicsize = sizeof(Keyer),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Keyer, vectorcall),
    .tp_traverse = Keyer_traverse,
    .tp_clear = Keyer_clear,
    .tp_dealloc = Keyer_dealloc,
};

/* keyer(prefix, attribute, texts, digest) */
static PyObject *module_keyer(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *prefix, *attribute, *texts, *digest;
    if (!PyArg_ParseTuple(arguments, "UUOO", &prefix, &attribute, &texts, &digest)) return NULL;
    Keyer *keyer = PyObject_GC_New(Keyer, &Keyer_type);
    if (keyer == NULL) return NULL;
    keyer->vectorcall = Keyer_call;
    keyer->prefix = Py_NewRef(prefix);
    keyer->attribute = Py_NewRef(attribute);
    keyer->texts = Py_NewRef(texts);
    keyer->digest = Py_NewRef(digest);
    PyObject_GC_Track(keyer);
    return (PyObject *)keyer;
}

/* Keys from what is known, else made and from then on known. Borrowed reference, held by `known`. */
static PyObject *known_keys(PyObject *known, PyObject *name, PyObject *keyer, Asked *asked) {
    PyObject *keys = PyDict_GetItemWithError(known, name);
    if (keys != NULL || PyErr_Occurred()) return keys;
    keys = Py_IS_TYPE(keyer, &Keyer_type) ? keys_of((Keyer *)keyer, asked)
                                              : PyObject_CallOneArg(keyer, asked->subject);
    if (keys == NULL) return NULL;
    int failed = PyTuple_Check(keys) ? PyDict_SetItem(known, name, keys) : -1;
    if (failed && !PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "keys are a tuple");
    Py_DECREF(keys);
    return failed ? NULL : keys;
}

static int are_pairs(PyObject *const *arguments, Py_ssize_t given, Py_ssize_t wanted, int lists) {
    if (given != wanted) return 0;
    for (int i = 0; i < lists; i++)
        if (!PyTuple_Check(arguments[i]) || PyTuple_GET_SIZE(arguments[i]) != PyTuple_GET_SIZE(arguments[0])) return 0;
    return PyDict_Check(arguments[lists]);
}

/* firsts(names, keyers, known, subject) -> the most important key of each, 0 where there is none */
static PyObject *module_firsts(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (!are_pairs(arguments, given, 4, 2))
        return PyErr_Format(PyExc_TypeError, "firsts(names: tuple, keyers: tuple, known: dict, subject)");
    Py_ssize_t size = PyTuple_GET_SIZE(arguments[0]);
    PyObject *found = PyList_New(size);
    Asked asked = about(arguments[3]);
    for (Py_ssize_t i = 0; found != NULL && i < size; i++) {
        PyObject *keys = known_keys(
            arguments[2], PyTuple_GET_ITEM(arguments[0], i), PyTuple_GET_ITEM(arguments[1], i), &asked
        );
        if (keys == NULL) {
            Py_CLEAR(found);
            break;
        }
        PyList_SET_ITEM(
            found, i, PyTuple_GET_SIZE(keys) ? Py_NewRef(PyTuple_GET_ITEM(keys, 0)) : PyLong_FromLong(0)
        );
    }
    done_with(&asked);
    return found;
}

/* heard(names, keyers, kinds, known, subject) -> (kind, key) of all */
static PyObject *module_heard(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (!are_pairs(arguments, given, 5, 3))
        return PyErr_Format(PyExc_TypeError, "heard(names: tuple, keyers: tuple, kinds: tuple, known: dict, subject)");
    PyObject *found = PyList_New(0);
    Asked asked = about(arguments[4]);
    for (Py_ssize_t i = 0; found != NULL && i < PyTuple_GET_SIZE(arguments[0]); i++) {
        PyObject *keys = known_keys(
            arguments[3], PyTuple_GET_ITEM(arguments[0], i), PyTuple_GET_ITEM(arguments[1], i), &asked
        );
        if (keys == NULL) {
            Py_CLEAR(found);
            break;
        }
        for (Py_ssize_t j = 0; found != NULL && j < PyTuple_GET_SIZE(keys); j++) {
            PyObject *pair = PyTuple_Pack(2, PyTuple_GET_ITEM(arguments[2], i), PyTuple_GET_ITEM(keys, j));
            if (pair == NULL || PyList_Append(found, pair) < 0) Py_CLEAR(found);
            Py_XDECREF(pair);
        }
    }
    done_with(&asked);
    return found;
}

/* signed_keys(keys): each as the signed number that stands for it as a mark */
static PyObject *module_signed_keys(PyObject *module, PyObject *keys) {
    (void)module;
    if (!PyTuple_Check(keys)) return PyErr_Format(PyExc_TypeError, "keys are a tuple");
    PyObject *found = PyTuple_New(PyTuple_GET_SIZE(keys));
    for (Py_ssize_t i = 0; found != NULL && i < PyTuple_GET_SIZE(keys); i++) {
        unsigned long long key = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(keys, i));
        PyObject *mark = PyErr_Occurred() ? NULL : PyLong_FromLongLong((long long)key);
        if (mark == NULL) Py_CLEAR(found);
        else PyTuple_SET_ITEM(found, i, mark);
    }
    return found;
}

/* The marks of a kind of thing, from what is told or else made. Borrowed reference, held by `told`. */
static PyObject *told_marks(PyObject *entry, PyObject *known, PyObject *told, Asked *asked) {
    PyObject *name = PyTuple_GET_ITEM(entry, 0), *make_marks = PyTuple_GET_ITEM(entry, 2);
    PyObject *marks = PyDict_GetItemWithError(told, name), *keys;
    if (marks != NULL || PyErr_Occurred()) return marks;
    if (make_marks == Py_None) {
        keys = Py_XNewRef(known_keys(known, name, PyTuple_GET_ITEM(entry, 1), asked));
    } else if (Py_IS_TYPE(make_marks, &Keyer_type)) {
        keys = keys_of((Keyer *)make_marks, asked);
    } else {
        keys = PyObject_CallOneArg(make_marks, asked->subject);
    }
    if (keys == NULL) return NULL;
    marks = module_signed_keys(NULL, keys);
    Py_DECREF(keys);
    if (marks == NULL) return NULL;
    int failed = PyDict_SetItem(told, name, marks);
    Py_DECREF(marks);
    return failed ? NULL : marks;
}

static int is_entry(PyObject *entry) {
    if (PyTuple_Check(entry) && PyTuple_GET_SIZE(entry) == 4 && PyTuple_Check(PyTuple_GET_ITEM(entry, 3))) return 1;
    PyErr_Format(PyExc_TypeError, "an entry is a name, two keyers and numbers");
    return 0;
}

/* first_marks(makers, known, told, subject, present) -> of an entry the most important mark, 0 where there is none; of
 * any other maker what it makes of what is present */
static PyObject *module_first_marks(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (given != 5 || !PyTuple_Check(arguments[0]) || !PyDict_Check(arguments[1]) || !PyDict_Check(arguments[2]))
        return PyErr_Format(PyExc_TypeError, "first_marks(makers: tuple, known: dict, told: dict, subject, present)");
    PyObject *found = PyList_New(PyTuple_GET_SIZE(arguments[0]));
    Asked asked = about(arguments[3]);
    for (Py_ssize_t i = 0; found != NULL && i < PyTuple_GET_SIZE(arguments[0]); i++) {
        PyObject *maker = PyTuple_GET_ITEM(arguments[0], i), *marks, *mark = NULL;
        if (!PyTuple_Check(maker)) {
            mark = PyObject_CallOneArg(maker, arguments[4]);
        } else if (is_entry(maker) && (marks = told_marks(maker, arguments[1], arguments[2], &asked)) != NULL) {
            if (!PyTuple_Check(marks)) PyErr_Format(PyExc_TypeError, "marks are a tuple");
            else mark = PyTuple_GET_SIZE(marks) ? Py_NewRef(PyTuple_GET_ITEM(marks, 0)) : PyLong_FromLong(0);
        }
        if (mark == NULL) Py_CLEAR(found);
        else PyList_SET_ITEM(found, i, mark);
    }
    done_with(&asked);
    return found;
}

/* apart(entries, known, told, subject, found): (number, mark, 0) of every thing joins the list */
static PyObject *module_apart(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (given != 5 || !PyTuple_Check(arguments[0]) || !PyDict_Check(arguments[1]) || !PyDict_Check(arguments[2]) ||
        !PyList_Check(arguments[4]))
        return PyErr_Format(PyExc_TypeError, "apart(entries: tuple, known: dict, told: dict, subject, found: list)");
    PyObject *nothing = PyLong_FromLong(0);
    Asked asked = about(arguments[3]);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments[0]); i++) {
        PyObject *entry = PyTuple_GET_ITEM(arguments[0], i);
        if (!is_entry(entry)) goto failed;
        PyObject *marks = told_marks(entry, arguments[1], arguments[2], &asked);
        PyObject *numbers = PyTuple_GET_ITEM(entry, 3);
        if (marks == NULL || !PyTuple_Check(marks)) {
            if (marks != NULL) PyErr_Format(PyExc_TypeError, "marks are a tuple");
            goto failed;
        }
        for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(marks); j++) {
            for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(numbers); k++) {
                PyObject *row = PyTuple_Pack(3, PyTuple_GET_ITEM(numbers, k), PyTuple_GET_ITEM(marks, j), nothing);
                int failed = row == NULL || PyList_Append(arguments[4], row) < 0;
                Py_XDECREF(row);
                if (failed) goto failed;
            }
        }
    }
    done_with(&asked);
    Py_DECREF(nothing);
    Py_RETURN_NONE;
failed:
    done_with(&asked);
    Py_DECREF(nothing);
    return NULL;
}

static PyMethodDef methods[] = {
    {"apart", (PyCFunction)(void (*)(void))module_apart, METH_FASTCALL, NULL},
    {"keyer", module_keyer, METH_VARARGS, NULL},
    {"first_marks", (PyCFunction)(void (*)(void))module_first_marks, METH_FASTCALL, NULL},
    {"firsts", (PyCFunction)(void (*)(void))module_firsts, METH_FASTCALL, NULL},
    {"heard", (PyCFunction)(void (*)(void))module_heard, METH_FASTCALL, NULL},
    {"signed_keys", module_signed_keys, METH_O, NULL},
    {0}};

static int module_exec(PyObject *module) {
    (void)module;
    if (name_tenant == NULL) name_tenant = PyUnicode_InternFromString("tenant");
    if (name_involved == NULL) name_involved = PyUnicode_InternFromString("involved");
    if (name_tenant == NULL || name_involved == NULL) return -1;
    return PyType_Ready(&Keyer_type);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_keyer", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__keyer(void) { return PyModuleDef_Init(&definition); }
