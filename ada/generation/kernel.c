/* WaveNet one id at a time on a CPU: the loop of ada.generation.sampler.BlockSampler, in C.
 *
 * What it is for: a step of one sequence reads every weight once and computes little with it, and
 * XLA's small products reach a fraction of what the caches deliver. Here every product keeps its
 * outputs in registers while the weights stream by, once for up to four sequences.
 *
 * Every output is one sum in the order of its inputs, however many sequences are computed side by
 * side: a sequence is the same, bit for bit, whatever is generated beside it.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* One binary for all x86: the widest version that the processor has is chosen as it is loaded. By
 * what it can do, that is: names such as "arch=haswell" would leave out other makers' processors. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define FOR_EVERY_PROCESSOR \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#else
#define FOR_EVERY_PROCESSOR
#endif

enum { WIDTH = 16 }; /* floats to a vector */
typedef float vector __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
#define AT(p, i) (*(vector *)((p) + (i) * WIDTH))

/* Weights are float32, or bfloat16 in pairs of vectors: of every 32 outputs, the first 16 are the low
 * halves of 32-bit words and the other 16 the high halves, so that a shift and a mask unpack them. */
typedef uint32_t words __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef struct {
    vector a, b;
} pair;

INLINE const void *element(const void *w, size_t i, int half) {
    return (const char *)w + i * (half ? 2 : 4);
}

/* The weights of 32 outputs. */
INLINE pair weights(const void *w, int i, int half) {
    if (!half) return (pair){AT((const float *)w, 2 * i), AT((const float *)w, 2 * i + 1)};
    const words both = *(const words *)((const char *)w + i * 4 * WIDTH);
    return (pair){(vector)(both << 16), (vector)(both & 0xffff0000u)};
}

/* y[o] += sum_i x[i] w[i][o], for 8 vectors of outputs of one sequence. */
INLINE void add_product_8(const float *x, const void *w, int stride, float *y, int inputs,
                          int half) {
    vector a = AT(y, 0), b = AT(y, 1), c = AT(y, 2), d = AT(y, 3);
    vector e = AT(y, 4), f = AT(y, 5), g = AT(y, 6), h = AT(y, 7);
    for (int i = 0; i < inputs; i++, w = element(w, stride, half)) {
        const float v = x[i];
        const pair p = weights(w, 0, half), q = weights(w, 1, half);
        const pair r = weights(w, 2, half), s = weights(w, 3, half);
        a += v * p.a, b += v * p.b, c += v * q.a, d += v * q.b;
        e += v * r.a, f += v * r.b, g += v * s.a, h += v * s.b;
    }
    AT(y, 0) = a, AT(y, 1) = b, AT(y, 2) = c, AT(y, 3) = d;
    AT(y, 4) = e, AT(y, 5) = f, AT(y, 6) = g, AT(y, 7) = h;
}

/* The same, for 2 vectors of outputs. */
INLINE void add_product_2(const float *x, const void *w, int stride, float *y, int inputs,
                          int half) {
    vector a = AT(y, 0), b = AT(y, 1);
    for (int i = 0; i < inputs; i++, w = element(w, stride, half)) {
        const pair p = weights(w, 0, half);
        a += x[i] * p.a, b += x[i] * p.b;
    }
    AT(y, 0) = a, AT(y, 1) = b;
}

/* The same, for 1 vector of outputs; never of bfloat16. */
INLINE void add_product_1(const float *x, const float *w, int stride, float *y, int inputs) {
    vector a = AT(y, 0);
    for (int i = 0; i < inputs; i++, w += stride) a += x[i] * AT(w, 0);
    AT(y, 0) = a;
}

/* The same, for 4 vectors of outputs of 4 sequences: every weight that is read is used four times. */
#define LOAD(n)                                                              \
    vector a##n = AT(y + n * y_stride, 0), b##n = AT(y + n * y_stride, 1), \
           c##n = AT(y + n * y_stride, 2), d##n = AT(y + n * y_stride, 3);
#define ADD(n)                \
    v = x[n * x_stride + i]; \
    a##n += v * p.a, b##n += v * p.b, c##n += v * q.a, d##n += v * q.b;
#define STORE(n)                                                  \
    AT(y + n * y_stride, 0) = a##n, AT(y + n * y_stride, 1) = b##n, \
                          AT(y + n * y_stride, 2) = c##n, AT(y + n * y_stride, 3) = d##n;
INLINE void add_product_4x4(const float *x, int x_stride, const void *w, int stride, float *y,
                            int y_stride, int inputs, int half) {
    LOAD(0) LOAD(1) LOAD(2) LOAD(3)
    for (int i = 0; i < inputs; i++, w = element(w, stride, half)) {
        const pair p = weights(w, 0, half), q = weights(w, 1, half);
        float v;
        ADD(0) ADD(1) ADD(2) ADD(3)
    }
    STORE(0) STORE(1) STORE(2) STORE(3)
}

/* y[row][o] += sum_i x[row][i] w[i][o], w of shape [inputs][outputs]. */
INLINE void add_product(const float *x, int x_stride, const void *w, float *y, int y_stride,
                        int inputs, int outputs, int batch, int half) {
    const int fours = batch / 4 * 4;
    int o = 0;
    for (; o + 4 * WIDTH <= outputs; o += 4 * WIDTH)
        for (int n = 0; n < fours; n += 4)
            add_product_4x4(x + n * x_stride, x_stride, element(w, o, half), outputs,
                            y + n * y_stride + o, y_stride, inputs, half);
    for (int n = 0; n < batch; n++) {
        const float *in = x + n * x_stride;
        float *out = y + n * y_stride;
        int from = n < fours ? o : 0;
        for (; from + 8 * WIDTH <= outputs; from += 8 * WIDTH)
            add_product_8(in, element(w, from, half), outputs, out + from, inputs, half);
        for (; from + 2 * WIDTH <= outputs; from += 2 * WIDTH)
            add_product_2(in, element(w, from, half), outputs, out + from, inputs, half);
        if (half) continue;
        const float *full = w;
        for (; from + WIDTH <= outputs; from += WIDTH)
            add_product_1(in, full + from, outputs, out + from, inputs);
        for (; from < outputs; from++)
            for (int i = 0; i < inputs; i++) out[from] += in[i] * full[(size_t)i * outputs + from];
    }
}

/* e^x to a part in ten million (Cephes' polynomial); loops over it become vector code. */
INLINE float exponential(float x) {
    x = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
    const float n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f; /* rounded */
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { int32_t bits; float value; } power = {((int32_t)n + 127) * (1 << 23)};
    return p * power.value;
}

/* z = tanh(f) sigmoid(g); f and g are the halves of `gates`. */
INLINE void gate(const float *gates, float *z, int channels) {
    for (int c = 0; c < channels; c++) {
        const float f = gates[c] < -15.0f ? -15.0f : gates[c];
        const float a = exponential(-2.0f * f), b = exponential(-gates[channels + c]);
        z[c] = (1.0f - a) / ((1.0f + a) * (1.0f + b));
    }
}

INLINE float largest(const float *x, int n) {
    float found = x[0];
    for (int i = 1; i < n; i++) found = x[i] > found ? x[i] : found;
    return found;
}

static int descending(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The least logit that top-k and top-p keep, and how many ids that have it, the first of them
 * (ada.generation.choice.restrict); p is for scratch. */
typedef struct {
    float least;
    int ties;
} limit;

static limit restriction(const float *scaled, int classes, int top_k, float top_p, float *p) {
    memcpy(p, scaled, sizeof(float) * classes);
    qsort(p, classes, sizeof(float), descending);
    int kept = top_k && top_k < classes ? top_k : classes;
    if (top_p < 1.0f) {
        float total = 0.0f, before = 0.0f;
        int likely = 0;
        for (int i = 0; i < classes; i++) total += exponential(p[i] - p[0]);
        for (; likely < classes && (likely == 0 || before < top_p); likely++)
            before += exponential(p[likely] - p[0]) / total;
        kept = likely < kept ? likely : kept;
    }
    limit found = {p[kept - 1], 1};
    for (int i = kept - 1; i > 0 && p[i - 1] == found.least; i--) found.ties++;
    return found;
}

/* Inverts the cumulative distribution at u (ada.generation.choice.choose). */
INLINE int32_t choose(const float *logits, int classes, float u, float temperature, int top_k,
                      float top_p, float *scaled, float *p) {
    const float divisor = temperature > 1e-6f ? temperature : 1e-6f;
    for (int i = 0; i < classes; i++) scaled[i] = logits[i] / divisor;
    const int all = !top_k && top_p >= 1.0f;
    limit limit = {-INFINITY, classes};
    if (!all) limit = restriction(scaled, classes, top_k, top_p, p);
    const float top = largest(scaled, classes);
    for (int i = 0; i < classes; i++) p[i] = exponential(scaled[i] - top);
    float total = 0.0f, sum = 0.0f;
    for (int i = 0; i < classes; i++) {
        /* What is as good as impossible, e^-87, is left out. */
        const int is_left_out = scaled[i] < limit.least || scaled[i] - top < -80.0f;
        p[i] = is_left_out || (scaled[i] == limit.least && limit.ties-- <= 0) ? 0.0f : p[i];
        total += p[i];
    }
    for (int i = 0; i < classes; i++) {
        sum += p[i];
        if (p[i] > 0.0f && sum > u * total) return i;
    }
    for (int i = classes - 1; i > 0; i--)
        if (p[i] > 0.0f) return i;
    return 0;
}

typedef struct {
    int half, layers, taps, channels, skips, classes, batch, block, steps, hop, top_k;
    float top_p, temperature;
    int64_t step;
    const int32_t *dilations, *forced;
    const float *table, *gate_bias, *residual_bias, *hidden_bias, *logits_bias;
    const void *gates, *residual, *skip, *hidden, *logits; /* float32, or bfloat16 if half */
    const float *conditioning, *uniforms;
    float *ring, *log_probs, *scratch;
    int32_t *previous, *ids;
} Job;

/* All layers: x [batch][channels] is the embedded last id, z [batch][layers][channels] comes out. */
INLINE void layers(const Job *j, int t, float *x, float *gates, float *z, int half) {
    const int C = j->channels, past = j->taps - 1, batch = j->batch;
    const int64_t step = j->step + t;
    const size_t codes = j->conditioning ? j->block / j->hop : 0;
    float *ring = j->ring;
    for (int l = 0; l < j->layers; l++) {
        for (int n = 0; n < batch; n++) {
            float *out = gates + n * 2 * C;
            memcpy(out, j->gate_bias + l * 2 * C, sizeof(float) * 2 * C);
            if (codes) {
                const float *h =
                    j->conditioning + ((n * codes + t / j->hop) * j->layers + l) * 2 * C;
                for (int c = 0; c < 2 * C; c++) out[c] += h[c];
            }
        }
        const void *w = element(j->gates, (size_t)l * j->taps * C * 2 * C, half);
        const int64_t rows = (int64_t)past * j->dilations[l];
        for (int k = 0; k < past; k++) {
            /* Before the first id the ring is zero, as causal convolutions are padded. */
            const int64_t age = (int64_t)j->dilations[l] * (past - k);
            const float *then = ring + (step - age + rows) % rows * batch * C;
            add_product(then, C, element(w, (size_t)k * C * 2 * C, half), gates, 2 * C, C, 2 * C,
                        batch, half);
        }
        add_product(x, C, element(w, (size_t)past * C * 2 * C, half), gates, 2 * C, C, 2 * C, batch,
                    half);
        if (rows) memcpy(ring + step % rows * batch * C, x, sizeof(float) * batch * C);
        ring += rows * batch * C;
        for (int n = 0; n < batch; n++) gate(gates + n * 2 * C, z + (n * j->layers + l) * C, C);
        if (l + 1 == j->layers) break;
        for (int n = 0; n < batch; n++)
            for (int c = 0; c < C; c++) x[n * C + c] += j->residual_bias[l * C + c];
        add_product(z + l * C, j->layers * C, element(j->residual, (size_t)l * C * C, half), x, C, C,
                    C, batch, half);
    }
}

INLINE void rectify(float *x, int n) {
    for (int i = 0; i < n; i++) x[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

INLINE void copy_to_rows(float *to, const float *from, int n, int batch) {
    for (int row = 0; row < batch; row++) memcpy(to + row * n, from, sizeof(float) * n);
}

/* Floats of scratch for `run`. */
static size_t scratch_size(const Job *j) {
    const size_t row = 3 * (size_t)j->channels + (size_t)j->layers * j->channels +
                        2 * (size_t)j->skips + j->classes;
    return row * j->batch + 2 * (size_t)j->classes;
}

INLINE void all_steps(const Job *j, int half) {
    const int C = j->channels, S = j->skips, V = j->classes, batch = j->batch;
    float *x = j->scratch, *gates = x + batch * C, *z = gates + batch * 2 * C;
    float *skips = z + (size_t)batch * j->layers * C, *hidden = skips + batch * S;
    float *logits = hidden + batch * S, *scaled = logits + batch * V, *p = scaled + V;
    for (int t = 0; t < j->steps; t++) {
        for (int n = 0; n < batch; n++) {
            if (j->previous[n] < 0)
                memset(x + n * C, 0, sizeof(float) * C);
            else
                memcpy(x + n * C, j->table + (size_t)j->previous[n] * C, sizeof(float) * C);
        }
        layers(j, t, x, gates, z, half);
        memset(skips, 0, sizeof(float) * batch * S);
        add_product(z, j->layers * C, j->skip, skips, S, j->layers * C, S, batch, half);
        rectify(skips, batch * S);
        copy_to_rows(hidden, j->hidden_bias, S, batch);
        add_product(skips, S, j->hidden, hidden, S, S, S, batch, half);
        rectify(hidden, batch * S);
        copy_to_rows(logits, j->logits_bias, V, batch);
        add_product(hidden, S, j->logits, logits, V, S, V, batch, half);
        for (int n = 0; n < batch; n++) {
            const size_t place = (size_t)n * j->block + t;
            const float *given = logits + n * V;
            int32_t id = j->forced[place];
            if (id < 0)
                id = choose(given, V, j->uniforms[place], j->temperature, j->top_k, j->top_p,
                            scaled, p);
            const float top = largest(given, V);
            float total = 0.0f;
            for (int i = 0; i < V; i++) scaled[i] = exponential(given[i] - top);
            for (int i = 0; i < V; i++) total += scaled[i];
            j->ids[place] = j->previous[n] = id;
            j->log_probs[place] = given[id] - top - logf(total);
        }
    }
}

FOR_EVERY_PROCESSOR static void run(const Job *j) {
    if (j->half)
        all_steps(j, 1);
    else
        all_steps(j, 0);
}

/* Whether a buffer has this number of items of 4 bytes; if not, sets an error. */
static int has(const Py_buffer *buffer, size_t items, const char *name) {
    if (buffer->buf == NULL || (size_t)buffer->len == 4 * items) return 1;
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, not %zu", name, buffer->len, 4 * items);
    return 0;
}

/* Whether all values of a buffer are below a limit; if not, sets an error. */
static int below(const Py_buffer *buffer, int32_t limit, const char *name) {
    const int32_t *values = buffer->buf;
    for (Py_ssize_t i = 0; i < buffer->len / 4; i++)
        if (values[i] >= limit) {
            PyErr_Format(PyExc_ValueError, "%s holds %d, not below %d", name, values[i], limit);
            return 0;
        }
    return 1;
}

enum { DILATIONS, WEIGHTS, CONDITIONING, UNIFORMS, FORCED, RING, PREVIOUS, IDS, LOG_PROBS, BUFFERS };

static PyObject *draw(PyObject *module, PyObject *args) {
    Job j;
    Py_buffer b[BUFFERS];
    long long step;
    if (!PyArg_ParseTuple(args, "iiiiiiiiiiiffLy*y*z*y*y*w*w*w*w*", &j.half, &j.layers, &j.taps, &j.channels,
                          &j.skips, &j.classes, &j.batch, &j.block, &j.steps, &j.hop, &j.top_k,
                          &j.top_p, &j.temperature, &step, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                          &b[6], &b[7], &b[8]))
        return NULL;
    j.step = step;
    PyObject *result = NULL;
    const size_t L = j.layers, K = j.taps, C = j.channels, S = j.skips, V = j.classes;
    const size_t steps = (size_t)j.batch * j.block;
    if (j.layers < 1 || j.taps < 1 || j.channels < 1 || j.skips < 1 || j.classes < 1 ||
        j.batch < 1 || j.hop < 1 || j.steps < 0 || j.steps > j.block || step < 0 ||
        step > INT64_MAX / 2 || j.top_k < 0 || !(j.top_p >= 0.0f) ||
        (b[CONDITIONING].buf != NULL && j.block % j.hop) ||
        (double)L * K * C * C + (double)L * C * S + (double)V * (C + S) > 1e12) {
        PyErr_SetString(PyExc_ValueError, "sizes out of range");
        goto done;
    }
    if (!has(&b[DILATIONS], L, "dilations")) goto done;
    j.dilations = b[DILATIONS].buf;
    size_t rows = 0;
    for (size_t l = 0; l < L; l++) {
        if (j.dilations[l] < 1 || rows > INT32_MAX) {
            PyErr_SetString(PyExc_ValueError, "dilations out of range");
            goto done;
        }
        rows += (K - 1) * j.dilations[l];
    }
    if (j.half && (C % 32 || S % 32 || V % 32)) {
        PyErr_SetString(PyExc_ValueError, "bfloat16 weights need sizes in multiples of 32");
        goto done;
    }
    /* In words of 4 bytes: matrices in bfloat16 have half as many. */
    const size_t part = j.half ? 2 : 1;
    const size_t sizes[] = {V * C,
                            L * K * C * 2 * C / part,
                            L * 2 * C,
                            (L - 1) * C * C / part,
                            (L - 1) * C,
                            L * C * S / part,
                            S * S / part,
                            S,
                            S * V / part,
                            V};
    const void **parts[] = {(const void **)&j.table,
                            &j.gates,
                            (const void **)&j.gate_bias,
                            &j.residual,
                            (const void **)&j.residual_bias,
                            &j.skip,
                            &j.hidden,
                            (const void **)&j.hidden_bias,
                            &j.logits,
                            (const void **)&j.logits_bias};
    size_t total = 0;
    for (int i = 0; i < 10; i++) {
        *parts[i] = (const float *)b[WEIGHTS].buf + total;
        total += sizes[i];
    }
    if (!has(&b[WEIGHTS], total, "weights") ||
        !has(&b[CONDITIONING], j.batch * (size_t)(j.block / j.hop) * L * 2 * C, "conditioning") ||
        !has(&b[UNIFORMS], steps, "uniforms") || !has(&b[FORCED], steps, "forced") ||
        !has(&b[RING], rows * j.batch * C, "ring") || !has(&b[PREVIOUS], j.batch, "previous") ||
        !has(&b[IDS], steps, "ids") || !has(&b[LOG_PROBS], steps, "log_probs") ||
        !below(&b[FORCED], j.classes, "forced") || !below(&b[PREVIOUS], j.classes, "previous"))
        goto done;
    j.conditioning = b[CONDITIONING].buf, j.uniforms = b[UNIFORMS].buf, j.forced = b[FORCED].buf;
    j.ring = b[RING].buf, j.previous = b[PREVIOUS].buf;
    j.ids = b[IDS].buf, j.log_probs = b[LOG_PROBS].buf;
    j.scratch = malloc(sizeof(float) * scratch_size(&j));
    if (j.scratch == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    run(&j);
    Py_END_ALLOW_THREADS
    free(j.scratch);
    Py_INCREF(Py_None);
    result = Py_None;
done:
    for (int i = 0; i < BUFFERS; i++)
        if (b[i].buf != NULL) PyBuffer_Release(&b[i]);
    return result;
}

static PyMethodDef methods[] = {{"draw", draw, METH_VARARGS, "See ada.generation.native."}, {NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kernel", NULL, -1, methods};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModule_Create(&definition); }
