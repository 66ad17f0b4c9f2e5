/*
 * libcuda.so.1 without a GPU, for tests: it runs PTX on this CPU (ptx.c) and is as strict as it can be.
 *
 * Work of streams waits until somebody waits for it, so that a missing wait is seen. Memory of the device is checked to
 * the byte. The functions that begin with test_ say what the device is, make calls fail, and tell what happened.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptx.h"

#define EXPORT __attribute__((visibility("default")))
#define TAG (1ull << 60) /* of addresses of the device: no pointer of the host is one by mistake */
#define MOST 4096

typedef struct context context;
typedef struct stream stream;

enum {
    INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101,
    INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NO_BINARY_FOR_GPU = 209, INVALID_PTX = 218, UNSUPPORTED_PTX_VERSION = 222,
    INVALID_HANDLE = 400, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, LAUNCH_TIMEOUT = 702, MISALIGNED_ADDRESS = 716,
    LAUNCH_FAILED = 719
};

static const struct {
    int code;
    const char *name, *text;
} ERRORS[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
};

typedef struct {
    enum { TO_DEVICE, TO_HOST, WITHIN, RUN, WAIT } kind;
    const stream *on;
    int done;
    uint64_t to, from;
    size_t size; /* of a row */
    size_t rows, to_pitch, from_pitch;
    uint8_t *copy; /* what pageable memory held when it was given; arguments of a kernel */
    const stream *other; /* to wait for, */
    uint64_t until; /* as far as this number */
    uint64_t number;
    const ptx_kernel *kernel;
    ptx_grid grid;
} work;

typedef struct {
    uint64_t address; /* with TAG */
    size_t size;
    uint8_t *block;
} allocation;

typedef struct {
    ptx_module *code;
} module;

struct context {
    int retained;
};

struct stream {
    int number;
};

typedef struct {
    const stream *on;
    uint64_t until;
} event;

static struct {
    int initialised, device_count, driver, major, minor;
    uint32_t most_shared;
    size_t memory, used;
    context primary;
    context *current[16];
    int depth, live, streams;
    allocation allocations[MOST];
    int n_allocations;
    work queue[MOST];
    int n_queue;
    uint64_t n_given;
    uint32_t allowed_shared[64];
    const ptx_kernel *allowed_kernel[64];
    int sticky; /* what ended the context */
    char fails[64];
    int fails_with, fails_after;
    char log[1 << 20];
    size_t logged;
    char problem[512];
} self = {.device_count = 1, .driver = 13000, .major = 9, .minor = 0, .most_shared = 232448, .memory = 1ull << 32};

/* ---- for tests ---- */

EXPORT void test_reset(void)
{
    self.device_count = 1, self.driver = 13000, self.major = 9, self.minor = 0, self.most_shared = 232448;
    self.memory = 1ull << 32, self.fails[0] = '\0', self.logged = 0, self.log[0] = '\0', self.sticky = 0;
    self.problem[0] = '\0', self.n_queue = 0, self.depth = 0;
}

EXPORT void test_device(int count, int driver, int capability, uint32_t most_shared, size_t memory)
{
    self.device_count = count, self.driver = driver, self.major = capability / 10, self.minor = capability % 10;
    self.most_shared = most_shared, self.memory = memory;
}

/* The call of `function` behind the next `after` ones gives `code`. */
EXPORT void test_fail(const char *function, int code, int after)
{
    (void)snprintf(self.fails, sizeof(self.fails), "%s", function);
    self.fails_with = code, self.fails_after = after;
}

EXPORT const char *test_log(void)
{
    return self.log;
}

EXPORT void test_forget(void)
{
    self.logged = 0, self.log[0] = '\0';
}

EXPORT const char *test_problem(void)
{
    return self.problem;
}

/* What was made and not given back: memory, modules, streams, graphs, contexts. */
EXPORT int test_live(void)
{
    return self.live + self.n_allocations + self.primary.retained + self.depth;
}

EXPORT int test_waiting(void)
{
    return self.n_queue;
}

static int called(const char *function, const char *what)
{
    const size_t room = sizeof(self.log) - self.logged;
    const int n = snprintf(self.log + self.logged, room, "%s%s%s\n", function, *what ? " " : "", what);
    self.logged += n > 0 && (size_t)n < room ? (size_t)n : 0u;
    if (strcmp(self.fails, function) == 0 && self.fails_after-- == 0) {
        self.fails[0] = '\0';
        return self.fails_with;
    }
    return self.initialised || strcmp(function, "cuInit") == 0 ? 0 : NOT_INITIALIZED;
}

static int in_context(const char *function, const char *what)
{
    const int code = called(function, what);
    return code ? code : self.depth == 0 ? INVALID_CONTEXT : self.sticky;
}

/* ---- memory and queued work ---- */

static uint8_t *device_memory(uint64_t address, size_t size)
{
    static int last;
    int k;
    for (k = 0; k < self.n_allocations; k++) {
        const allocation *const a = &self.allocations[(k + last) % self.n_allocations];
        if (address >= a->address && address - a->address <= a->size && size <= a->size - (address - a->address)) {
            last = (k + last) % self.n_allocations;
            return (uint8_t *)(uintptr_t)(address & ~TAG);
        }
    }
    return NULL;
}

static void settle_until(const stream *of, uint64_t until);

static int perform(const work *w)
{
    static const int codes[] = {0, ILLEGAL_ADDRESS, MISALIGNED_ADDRESS, LAUNCH_FAILED, LAUNCH_TIMEOUT};
    size_t row;

    if (w->kind == RUN) {
        return codes[ptx_run(w->kernel, &w->grid, w->copy, device_memory, self.problem, sizeof(self.problem))];
    }
    if (w->kind == WAIT) {
        settle_until(w->other, w->until);
        return 0;
    }
    for (row = 0; row < w->rows; row++) {
        const uint64_t to = w->to + row * w->to_pitch, from = w->from + row * w->from_pitch;
        uint8_t *const output = w->kind == TO_HOST ? (uint8_t *)(uintptr_t)to : device_memory(to, w->size);
        const uint8_t *const input = w->kind == TO_DEVICE ? w->copy + row * w->size : device_memory(from, w->size);
        if (output == NULL || input == NULL) {
            (void)snprintf(self.problem, sizeof(self.problem), "a copy of %u bytes is outside of its memory",
                           (unsigned)w->size);
            return ILLEGAL_ADDRESS;
        }
        memmove(output, input, w->size);
    }
    return 0;
}

/* Does what waits of a stream, in its order, as far as a number. */
static void settle_until(const stream *of, uint64_t until)
{
    int k;
    for (k = 0; k < self.n_queue; k++) {
        work *const w = &self.queue[k];
        if (!w->done && w->on == of && w->number <= until) {
            w->done = 1;
            if (!self.sticky) {
                const int code = perform(w);
                self.sticky = self.sticky ? self.sticky : code;
            }
        }
    }
}

/* The same of all that waits of it; returns what went wrong so far. */
static int settle(const stream *of)
{
    int k, kept = 0;

    settle_until(of, UINT64_MAX);
    for (k = 0; k < self.n_queue; k++) {
        if (self.queue[k].done) {
            free(self.queue[k].copy);
        } else {
            self.queue[kept++] = self.queue[k];
        }
    }
    self.n_queue = kept;
    return self.sticky;
}

static void settle_all(void)
{
    while (self.n_queue > 0) {
        (void)settle(self.queue[0].on);
    }
}

static int enqueue(work w, stream *on)
{
    w.on = on;
    w.number = ++self.n_given;
    if (self.n_queue == MOST) {
        settle_all();
    }
    self.queue[self.n_queue++] = w;
    return 0;
}

static uint8_t *copied(const void *data, size_t size)
{
    uint8_t *const copy = malloc(size + 1u);
    memcpy(copy, data, size);
    return copy;
}

/* ---- the driver ---- */

EXPORT int cuInit(unsigned flags)
{
    const int code = called("cuInit", "");
    (void)flags;
    if (code == 0 && self.device_count == 0) {
        return NO_DEVICE;
    }
    self.initialised |= code == 0;
    return code;
}

EXPORT int cuDriverGetVersion(int *version)
{
    *version = self.driver;
    return 0;
}

EXPORT int cuGetErrorName(int code, const char **text)
{
    size_t k;
    for (k = 0; k < sizeof(ERRORS) / sizeof(ERRORS[0]); k++) {
        if (ERRORS[k].code == code) {
            *text = ERRORS[k].name;
            return 0;
        }
    }
    *text = NULL;
    return INVALID_VALUE;
}

EXPORT int cuGetErrorString(int code, const char **text)
{
    size_t k;
    for (k = 0; k < sizeof(ERRORS) / sizeof(ERRORS[0]); k++) {
        if (ERRORS[k].code == code) {
            *text = ERRORS[k].text;
            return 0;
        }
    }
    *text = NULL;
    return INVALID_VALUE;
}

EXPORT int cuDeviceGetCount(int *count)
{
    *count = self.device_count;
    return called("cuDeviceGetCount", "");
}

EXPORT int cuDeviceGet(int *device, int ordinal)
{
    const int code = called("cuDeviceGet", "");
    *device = ordinal;
    return code ? code : ordinal < 0 || ordinal >= self.device_count ? INVALID_DEVICE : 0;
}

EXPORT int cuDeviceGetName(char *name, int length, int device)
{
    (void)snprintf(name, (size_t)length, "a CPU that stands for GPU %d", device);
    return called("cuDeviceGetName", "");
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    (void)device;
    switch (attribute) {
    case 75: *value = self.major; break;
    case 76: *value = self.minor; break;
    case 97: *value = (int)self.most_shared; break;
    default: return INVALID_VALUE;
    }
    return 0;
}

EXPORT int cuDevicePrimaryCtxRetain(context **output, int device)
{
    const int code = called("cuDevicePrimaryCtxRetain", "");
    (void)device;
    if (code) {
        return code;
    }
    self.primary.retained++;
    *output = &self.primary;
    return 0;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int device)
{
    (void)device;
    self.primary.retained--;
    return called("cuDevicePrimaryCtxRelease_v2", "");
}

EXPORT int cuCtxPushCurrent_v2(context *c)
{
    const int code = called("cuCtxPushCurrent_v2", "");
    if (code || c == NULL || self.depth == 16) {
        return code ? code : INVALID_CONTEXT;
    }
    self.current[self.depth++] = c;
    return 0;
}

EXPORT int cuCtxPopCurrent_v2(context **c)
{
    const int code = called("cuCtxPopCurrent_v2", "");
    if (code || self.depth == 0) {
        return code ? code : INVALID_CONTEXT;
    }
    *c = self.current[--self.depth];
    return 0;
}

/* The driver that a version of PTX needs. */
static int driver_of(unsigned ptx)
{
    const int major = (int)ptx / 10, minor = (int)ptx % 10;
    return major == 6 ? 10000 + 10 * (minor - 3) : 1000 * (major + 4) + 10 * (minor + (major == 8 && minor > 5));
}

EXPORT int cuModuleLoadDataEx(module **output, const void *image, unsigned n, int *options, void **values)
{
    const int code = in_context("cuModuleLoadDataEx", "");
    char *log = NULL;
    size_t room = 0;
    unsigned k;
    char error[256] = {0};
    ptx_module *loaded;

    for (k = 0; k < n; k++) {
        if (options[k] == 5) { /* CU_JIT_ERROR_LOG_BUFFER */
            log = values[k];
        }
        if (options[k] == 6) { /* its size */
            room = (size_t)(uintptr_t)values[k];
        }
    }
    if (code) {
        return code;
    }
    if (memcmp(image, "\177ELF", 4) == 0) {
        return NO_BINARY_FOR_GPU; /* machine code of a GPU, which nobody here runs */
    }
    loaded = ptx_load(image, error, sizeof(error));
    if (loaded == NULL) {
        if (log != NULL && room) {
            (void)snprintf(log, room, "%s", error);
        }
        return INVALID_PTX;
    }
    if (self.driver < driver_of(ptx_version(loaded))) {
        ptx_unload(loaded);
        return UNSUPPORTED_PTX_VERSION;
    }
    if (ptx_architecture(loaded) > (unsigned)(10 * self.major + self.minor)) {
        ptx_unload(loaded);
        return NO_BINARY_FOR_GPU;
    }
    *output = malloc(sizeof(module));
    (*output)->code = loaded;
    self.live++;
    return 0;
}

EXPORT int cuModuleUnload(module *m)
{
    const int code = in_context("cuModuleUnload", "");
    settle_all();
    ptx_unload(m->code);
    free(m);
    self.live--;
    return code;
}

EXPORT int cuModuleGetFunction(const ptx_kernel **output, module *m, const char *name)
{
    const int code = in_context("cuModuleGetFunction", name);
    *output = ptx_find(m->code, name);
    return code ? code : *output == NULL ? NOT_FOUND : 0;
}

EXPORT int cuFuncSetAttribute(const ptx_kernel *kernel, int attribute, int value)
{
    const int code = in_context("cuFuncSetAttribute", ptx_name(kernel));
    int k;
    if (code || attribute != 8 || value < 0 || (uint32_t)value + ptx_shared(kernel) > self.most_shared) {
        return code ? code : INVALID_VALUE;
    }
    for (k = 0; k < 63 && self.allowed_kernel[k] != NULL && self.allowed_kernel[k] != kernel; k++) {
    }
    self.allowed_kernel[k] = kernel;
    self.allowed_shared[k] = (uint32_t)value;
    return 0;
}

EXPORT int cuMemGetInfo_v2(size_t *available, size_t *total)
{
    *available = self.memory - self.used, *total = self.memory;
    return in_context("cuMemGetInfo_v2", "");
}

EXPORT int cuMemAlloc_v2(uint64_t *output, size_t size)
{
    char what[32];
    int code;
    allocation *a;

    (void)snprintf(what, sizeof(what), "%llu", (unsigned long long)size);
    code = in_context("cuMemAlloc_v2", what);
    if (code || size == 0u || self.n_allocations == MOST) {
        return code ? code : INVALID_VALUE;
    }
    if (size > self.memory - self.used) {
        return OUT_OF_MEMORY;
    }
    a = &self.allocations[self.n_allocations++];
    a->block = malloc(size + 256u);
    a->size = size;
    a->address = (((uint64_t)(uintptr_t)a->block + 255u) & ~255ull) | TAG;
    memset((uint8_t *)(uintptr_t)(a->address & ~TAG), 0xCD, size);
    self.used += size;
    *output = a->address;
    return 0;
}

EXPORT int cuMemFree_v2(uint64_t address)
{
    const int code = in_context("cuMemFree_v2", "");
    int k;
    settle_all(); /* as real drivers do */
    for (k = 0; k < self.n_allocations; k++) {
        if (self.allocations[k].address == address) {
            free(self.allocations[k].block);
            self.used -= self.allocations[k].size;
            self.allocations[k] = self.allocations[--self.n_allocations];
            return code;
        }
    }
    return INVALID_VALUE;
}

EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, stream *on)
{
    const int code = in_context("cuMemcpyHtoDAsync_v2", "");
    /* pageable memory is read before the call returns */
    return code ? code : enqueue((work){.kind = TO_DEVICE, .to = to, .size = size, .rows = 1, .copy = copied(from, size)}, on);
}

EXPORT int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, stream *on)
{
    const int code = in_context("cuMemcpyDtoHAsync_v2", "");
    return code ? code : enqueue((work){.kind = TO_HOST, .to = (uint64_t)(uintptr_t)to, .from = from, .size = size, .rows = 1}, on);
}

typedef struct {
    size_t from_x, from_y;
    int from_type;
    const uint8_t *from_host;
    uint64_t from_device;
    void *from_array;
    size_t from_pitch, to_x, to_y;
    int to_type;
    uint8_t *to_host;
    uint64_t to_device;
    void *to_array;
    size_t to_pitch, width, height;
} copy_2d; /* CUDA_MEMCPY2D */

EXPORT int cuMemcpy2DAsync_v2(const copy_2d *c, stream *on)
{
    const int code = in_context("cuMemcpy2DAsync_v2", c->from_type == 1 ? "host" : "device");
    work w = {.kind = WITHIN, .to = c->to_device, .from = c->from_device, .size = c->width, .rows = c->height,
              .to_pitch = c->to_pitch, .from_pitch = c->from_pitch};
    size_t row;

    if (code || c->from_x || c->from_y || c->to_x || c->to_y || c->to_type != 2 || c->width > c->to_pitch ||
        c->width > c->from_pitch) {
        return code ? code : INVALID_VALUE;
    }
    if (c->from_type == 1) {
        w.kind = TO_DEVICE;
        w.copy = malloc(c->width * c->height + 1u);
        for (row = 0; row < c->height; row++) {
            memcpy(w.copy + row * c->width, c->from_host + row * c->from_pitch, c->width);
        }
    }
    return enqueue(w, on);
}

/* For tests that stand in for torch: copies at once. */
EXPORT int test_copy(uint64_t device, void *host, size_t size, int to_host)
{
    uint8_t *const memory = device_memory(device, size);
    if (memory == NULL) {
        return INVALID_VALUE;
    }
    memcpy(to_host ? host : memory, to_host ? memory : host, size);
    return 0;
}

EXPORT int cuStreamCreate(stream **output, unsigned flags)
{
    const int code = in_context("cuStreamCreate", "");
    (void)flags;
    if (code) {
        return code;
    }
    *output = calloc(1, sizeof(stream));
    (*output)->number = ++self.streams;
    self.live++;
    return 0;
}

EXPORT int cuStreamDestroy_v2(stream *s)
{
    const int code = in_context("cuStreamDestroy_v2", "");
    (void)settle(s);
    free(s);
    self.live--;
    return code;
}

EXPORT int cuStreamSynchronize(stream *s)
{
    const int code = in_context("cuStreamSynchronize", "");
    return code ? code : settle(s);
}

EXPORT int cuLaunchKernel(const ptx_kernel *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                          unsigned bz, unsigned shared, stream *on, void **arguments, void **extra)
{
    work w = {.kind = RUN, .kernel = kernel, .grid = {{gx, gy, gz}, {bx, by, bz}, shared, 0}};
    uint32_t allowed = 48u << 10;
    char what[160];
    int code, k;

    (void)extra;
    (void)snprintf(what, sizeof(what), "%s (%u, %u) x %u on %d", ptx_name(kernel), gx, gy, bx, on ? on->number : 0);
    code = in_context("cuLaunchKernel", what);
    if (code) {
        return code;
    }
    for (k = 0; k < 64 && self.allowed_kernel[k] != NULL; k++) {
        if (self.allowed_kernel[k] == kernel && self.allowed_shared[k] + ptx_shared(kernel) > allowed) {
            allowed = self.allowed_shared[k] + ptx_shared(kernel);
        }
    }
    if (gx == 0u || gy == 0u || gz == 0u || gx > 0x7FFFFFFFu || gy > 65535u || gz > 65535u || bx * by * bz == 0u ||
        bx * by * bz > 1024u || shared + ptx_shared(kernel) > allowed) {
        return INVALID_VALUE;
    }
    w.copy = malloc(ptx_parameter_bytes(kernel) + 1u);
    ptx_arguments(kernel, arguments, w.copy);
    return enqueue(w, on);
}

EXPORT int cuEventCreate(event **output, unsigned flags)
{
    const int code = in_context("cuEventCreate", "");
    (void)flags;
    if (code) {
        return code;
    }
    *output = calloc(1, sizeof(event));
    self.live++;
    return 0;
}

EXPORT int cuEventDestroy_v2(event *e)
{
    const int code = in_context("cuEventDestroy_v2", "");
    free(e);
    self.live--;
    return code;
}

EXPORT int cuEventRecord(event *e, stream *on)
{
    const int code = in_context("cuEventRecord", "");
    e->on = on;
    e->until = self.n_given;
    return code;
}

EXPORT int cuStreamWaitEvent(stream *on, event *e, unsigned flags)
{
    const int code = in_context("cuStreamWaitEvent", "");
    (void)flags;
    return code ? code : enqueue((work){.kind = WAIT, .other = e->on, .until = e->until}, on);
}
