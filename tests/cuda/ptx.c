/*
 * PTX executed thread by thread: as much of the language as LLVM writes for kernels of whole numbers.
 *
 * A thread runs until it ends or waits at a barrier. Every access must be inside its memory and aligned to its size, and
 * a barrier must be reached by all threads of the block; real GPUs leave open what happens otherwise.
 */

#include "ptx.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_OPERANDS 6
#define MOST_STEPS (1ull << 32) /* of a thread */

typedef enum {
    ADD, AND, BAR, BFE, BFI, BRA, BREV, CLZ, CVT, CVTA, DIV, LD, LOP3, MAD, MAX, MIN, MOV, MUL, NEG, NOT, OR, POPC, PRMT,
    REM, RET, SELP, SETP, SHF, SHL, SHR, ST, SUB, XOR, N_OPS
} op_t;

static const char *const OPS[N_OPS] = {
    "add", "and", "bar", "bfe", "bfi", "bra", "brev", "clz", "cvt", "cvta", "div", "ld", "lop3", "mad", "max", "min",
    "mov", "mul", "neg", "not", "or", "popc", "prmt", "rem", "ret", "selp", "setp", "shf", "shl", "shr", "st", "sub",
    "xor"
};

typedef enum { NOTHING, REGISTER, NUMBER, SPECIAL, ADDRESS, VECTOR } kind_t;
typedef enum { GLOBAL, SHARED, LOCAL, PARAMETER } space_t;

typedef struct operand {
    kind_t kind;
    int reg; /* a register, or that of an address; -1 for none */
    uint64_t value; /* a number, or the offset of an address */
    int special; /* tid, ntid, ctaid, nctaid: 3 * which + axis */
    int lanes;
    struct operand *lane;
} operand;

typedef struct {
    op_t op;
    int guard, guard_not; /* register of the predicate, -1 for none */
    int bits, is_signed; /* of the type */
    int from_bits, from_signed; /* of a cvt */
    int wide, high; /* of a product; high: also of a shf.r */
    space_t space;
    int vector; /* elements of an access */
    char compare[4], also[4];
    int target; /* of a bra */
    int n;
    operand operand[MOST_OPERANDS];
} instruction;

typedef struct {
    char name[96];
    space_t space;
    uint64_t at;
    int is_extern;
} symbol;

struct ptx_kernel {
    char name[96];
    instruction *code;
    int n_code;
    int n_registers;
    size_t parameter_bytes;
    size_t parameter_size[64], parameter_at[64];
    int n_parameters;
    uint32_t shared, local;
};

struct ptx_module {
    unsigned architecture, version;
    ptx_kernel kernels[64];
    int n_kernels;
    uint32_t shared; /* of the module, so of every kernel */
};

/* ---- reading ---- */

typedef struct {
    char name[96];
    int at;
} label;

typedef struct {
    ptx_module *module;
    ptx_kernel *kernel;
    symbol symbols[512];
    int n_symbols, n_global_symbols;
    char registers[8][8];
    int first_register[8], n_classes;
    label labels[4096];
    int n_labels;
    char (*targets)[96];
    char *error;
    size_t room;
    int failed;
} reader;

static void fail(reader *r, const char *what, const char *line)
{
    if (!r->failed) {
        (void)snprintf(r->error, r->room, "ptxas: %s: %.160s", what, line);
    }
    r->failed = 1;
}

static uint64_t mask(int bits)
{
    return bits >= 64 ? ~0ull : (1ull << bits) - 1u;
}

static int64_t extended(uint64_t value, int bits)
{
    const uint64_t sign = 1ull << (bits - 1);
    return (int64_t)(((value & mask(bits)) ^ sign) - sign);
}

static char *trimmed(char *text)
{
    char *end;
    while (isspace((unsigned char)*text)) {
        text++;
    }
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    return text;
}

/* "%r12" to its place among all registers; -1 where it is none. */
static int register_of(const reader *r, const char *text)
{
    char name[8] = {0};
    size_t n = 0;
    int c;

    if (*text++ != '%') {
        return -1;
    }
    while (isalpha((unsigned char)text[n]) && n < sizeof(name) - 1u) {
        name[n] = text[n];
        n++;
    }
    for (c = 0; c < r->n_classes; c++) {
        if (strcmp(r->registers[c], name) == 0) {
            return r->first_register[c] + atoi(text + n);
        }
    }
    return -1;
}

static const symbol *symbol_of(const reader *r, const char *name)
{
    int i;
    for (i = r->n_symbols - 1; i >= 0; i--) {
        if (strcmp(r->symbols[i].name, name) == 0) {
            return &r->symbols[i];
        }
    }
    return NULL;
}

static int special_of(const char *text)
{
    static const char *const names[] = {"%tid.", "%ntid.", "%ctaid.", "%nctaid."};
    int i;
    for (i = 0; i < 4; i++) {
        const size_t n = strlen(names[i]);
        if (strncmp(text, names[i], n) == 0 && text[n] >= 'x' && text[n] <= 'z') {
            return 3 * i + (text[n] - 'x');
        }
    }
    return -1;
}

static operand read_operand(reader *r, char *text, const char *line)
{
    operand o = {.kind = NOTHING, .reg = -1};
    const symbol *found;

    text = trimmed(text);
    if (*text == '{') {
        char *part = text + 1;
        o.kind = VECTOR;
        o.lane = calloc(4, sizeof(operand));
        while (part && o.lanes < 4) {
            char *next = strpbrk(part, ",}");
            if (next == NULL) {
                break;
            }
            const int last = *next == '}';
            *next = '\0';
            o.lane[o.lanes++] = read_operand(r, part, line);
            part = last ? NULL : next + 1;
        }
        return o;
    }
    if (*text == '[') {
        char *plus, *end = strchr(text, ']');
        o.kind = ADDRESS;
        if (end != NULL) {
            *end = '\0';
        }
        text = trimmed(text + 1);
        plus = strpbrk(text, "+");
        if (plus != NULL) {
            o.value = (uint64_t)strtoll(plus + 1, NULL, 0);
            *plus = '\0';
            text = trimmed(text);
        }
        if (*text == '%') {
            o.reg = register_of(r, text);
            if (o.reg < 0) {
                fail(r, "unknown register", line);
            }
            return o;
        }
        found = symbol_of(r, text);
        if (found == NULL) {
            fail(r, "unknown symbol", line);
            return o;
        }
        o.value += found->at;
        return o;
    }
    if (*text == '%') {
        o.special = special_of(text);
        if (o.special >= 0) {
            o.kind = SPECIAL;
            return o;
        }
        o.kind = REGISTER;
        o.reg = register_of(r, text);
        if (o.reg < 0) {
            fail(r, "unknown register", line);
        }
        return o;
    }
    o.kind = NUMBER;
    if (isdigit((unsigned char)*text) || *text == '-') {
        o.value = *text == '-' ? (uint64_t)strtoll(text, NULL, 0) : strtoull(text, NULL, 0);
        return o;
    }
    found = symbol_of(r, text);
    if (found == NULL) {
        fail(r, "unknown symbol", line);
    } else {
        o.value = found->at;
    }
    return o;
}

static int type_of(const char *word, int *bits, int *is_signed)
{
    if (strcmp(word, "pred") == 0) {
        *bits = 1, *is_signed = 0;
        return 1;
    }
    if (strchr("busf", word[0]) != NULL && isdigit((unsigned char)word[1])) {
        *bits = atoi(word + 1), *is_signed = word[0] == 's';
        return 1;
    }
    return 0;
}

/* The words of "setp.lt.u32" behind the first. */
static void read_modifiers(reader *r, instruction *i, char *words, const char *line)
{
    static const char *const known[] = {"lo", "uni", "sync", "nc", "b32", "to", "aligned", "wrap", "l", "relaxed", "weak",
                                        "volatile", "L1", "cta", "rn", "rz"};
    char *word;
    int types = 0;

    for (word = strtok(words, "."); word != NULL; word = strtok(NULL, ".")) {
        int bits, is_signed;
        size_t k;
        if (type_of(word, &bits, &is_signed)) {
            if (types++ == 0) {
                i->bits = bits, i->is_signed = is_signed;
            } else {
                i->from_bits = bits, i->from_signed = is_signed;
            }
        } else if (strcmp(word, "wide") == 0) {
            i->wide = 1;
        } else if (strcmp(word, "hi") == 0 && i->op != SETP) {
            i->high = 1;
        } else if (strcmp(word, "r") == 0 && i->op == SHF) {
            i->high = 1;
        } else if (strcmp(word, "global") == 0) {
            i->space = GLOBAL;
        } else if (strcmp(word, "shared") == 0) {
            i->space = SHARED;
        } else if (strcmp(word, "local") == 0) {
            i->space = LOCAL;
        } else if (strcmp(word, "param") == 0) {
            i->space = PARAMETER;
        } else if (strcmp(word, "v2") == 0 || strcmp(word, "v4") == 0) {
            i->vector = word[1] - '0';
        } else if (i->op == SETP && i->compare[0] == '\0' && strlen(word) == 2u) {
            memcpy(i->compare, word, 3u);
        } else if (i->op == SETP && (strcmp(word, "and") == 0 || strcmp(word, "or") == 0 || strcmp(word, "xor") == 0)) {
            memcpy(i->also, word, strlen(word) + 1u);
        } else {
            for (k = 0; k < sizeof(known) / sizeof(known[0]) && strcmp(known[k], word) != 0; k++) {
            }
            if (k == sizeof(known) / sizeof(known[0])) {
                fail(r, "unknown modifier", line);
            }
        }
    }
}

static void read_instruction(reader *r, char *text)
{
    ptx_kernel *const k = r->kernel;
    instruction i = {.guard = -1, .vector = 1, .target = -1, .bits = 32};
    char line[256], name[96], *words, *rest, *part;
    int op, depth;

    (void)snprintf(line, sizeof(line), "%s", text);
    if (*text == '@') {
        char guard[32] = {0};
        i.guard_not = text[1] == '!';
        (void)sscanf(text + 1 + i.guard_not, "%31[^ \t]", guard);
        i.guard = register_of(r, guard);
        text = trimmed(strpbrk(text, " \t"));
    }
    (void)sscanf(text, "%95[^ \t;]", name);
    rest = trimmed(text + strlen(name));
    words = strchr(name, '.');
    if (words != NULL) {
        *words++ = '\0';
    }
    if (strcmp(name, "barrier") == 0) {
        (void)strcpy(name, "bar");
    }
    if (strcmp(name, "exit") == 0) {
        (void)strcpy(name, "ret");
    }
    for (op = 0; op < N_OPS && strcmp(OPS[op], name) != 0; op++) {
    }
    if (op == N_OPS) {
        fail(r, "unknown instruction", line);
        return;
    }
    i.op = (op_t)op;
    if (words != NULL) {
        read_modifiers(r, &i, words, line);
    }
    r->targets = realloc(r->targets, (size_t)(k->n_code + 1) * sizeof(*r->targets));
    r->targets[k->n_code][0] = '\0';
    if (i.op == BRA) {
        (void)snprintf(r->targets[k->n_code], sizeof(*r->targets), "%s", trimmed(rest));
    } else if (i.op != BAR) {
        for (part = rest, depth = 0; *rest != '\0'; rest++) {
            depth += (*rest == '{' || *rest == '[') - (*rest == '}' || *rest == ']');
            if (*rest == ',' && depth == 0 && i.n < MOST_OPERANDS) {
                *rest = '\0';
                i.operand[i.n++] = read_operand(r, part, line);
                part = rest + 1;
            }
        }
        if (*trimmed(part) != '\0' && i.n < MOST_OPERANDS) {
            i.operand[i.n++] = read_operand(r, part, line);
        }
    }
    k->code = realloc(k->code, (size_t)(k->n_code + 1) * sizeof(instruction));
    k->code[k->n_code++] = i;
}

static void add_symbol(reader *r, const char *name, space_t space, uint64_t at, int is_extern)
{
    symbol *const s = &r->symbols[r->n_symbols++];
    (void)snprintf(s->name, sizeof(s->name), "%s", name);
    s->space = space, s->at = at, s->is_extern = is_extern;
}

/* ".shared .align 8 .b8 name[64]" and its like; returns its bytes and where it is. */
static void read_variable(reader *r, char *text, int is_extern)
{
    uint32_t align = 4, size = 1, *used;
    char *bracket, *name, *word;
    int bits = 8, is_signed;
    space_t space;

    bracket = strchr(text, '[');
    if (bracket != NULL) {
        size = (uint32_t)strtoul(bracket + 1, NULL, 10);
        *bracket = '\0';
    }
    name = strrchr(trimmed(text), ' ');
    if (name == NULL) {
        fail(r, "unknown variable", text);
        return;
    }
    *name++ = '\0';
    space = strstr(text, ".local") ? LOCAL : SHARED;
    if (strstr(text, ".global") != NULL || strstr(text, ".const") != NULL) {
        fail(r, "a global variable", text);
    }
    word = strstr(text, ".align");
    if (word != NULL) {
        align = (uint32_t)strtoul(word + 6, NULL, 10);
    }
    word = strrchr(text, '.');
    if (word != NULL) {
        (void)type_of(trimmed(word + 1), &bits, &is_signed);
    }
    used = space == LOCAL ? &r->kernel->local : r->kernel != NULL ? &r->kernel->shared : &r->module->shared;
    *used = (*used + align - 1u) / align * align;
    add_symbol(r, name, space, *used, is_extern);
    if (!is_extern) {
        *used += size * (uint32_t)bits / 8u;
    }
}

static void read_registers(reader *r, char *text)
{
    char name[8] = {0};
    int count = 1;
    char *word = strchr(text, '%');

    if (word == NULL || sscanf(word, "%%%7[a-zA-Z]<%d>", name, &count) < 1 || r->n_classes == 8) {
        fail(r, "unknown registers", text);
        return;
    }
    (void)snprintf(r->registers[r->n_classes], sizeof(r->registers[0]), "%s", name);
    r->first_register[r->n_classes++] = r->kernel->n_registers;
    r->kernel->n_registers += count;
}

static void begin_kernel(reader *r, char *text)
{
    ptx_kernel *const k = &r->module->kernels[r->module->n_kernels++];
    char *open = strchr(text, '('), *part;

    r->kernel = k;
    r->n_classes = r->n_labels = 0;
    r->n_symbols = r->n_global_symbols;
    k->shared = r->module->shared;
    (void)sscanf(strstr(text, ".entry") + 6, " %95[^ (]", k->name);
    for (part = open ? strtok(open + 1, ",)") : NULL; part != NULL; part = strtok(NULL, ",)")) {
        char *name = strrchr(trimmed(part), ' '), type[8];
        int bits = 32, is_signed;
        size_t size;

        if (name == NULL || sscanf(trimmed(part), ".param .%7[a-z0-9]", type) != 1 ||
            !type_of(type, &bits, &is_signed) || k->n_parameters == 64) {
            continue;
        }
        size = (size_t)bits / 8u;
        k->parameter_bytes = (k->parameter_bytes + size - 1u) / size * size;
        add_symbol(r, name + 1, PARAMETER, k->parameter_bytes, 0);
        k->parameter_size[k->n_parameters] = size;
        k->parameter_at[k->n_parameters++] = k->parameter_bytes;
        k->parameter_bytes += size;
    }
}

static void end_kernel(reader *r)
{
    ptx_kernel *const k = r->kernel;
    int i, l, s;

    for (i = 0; i < k->n_code; i++) {
        if (k->code[i].op != BRA) {
            continue;
        }
        for (l = 0; l < r->n_labels; l++) {
            if (strcmp(r->labels[l].name, r->targets[i]) == 0) {
                k->code[i].target = r->labels[l].at;
            }
        }
        if (k->code[i].target < 0) {
            fail(r, "unknown label", r->targets[i]);
        }
    }
    for (s = 0; s < r->n_symbols; s++) { /* memory that the launch adds lies behind all that is declared */
        if (r->symbols[s].is_extern && r->symbols[s].at != k->shared) {
            fail(r, "shared memory is declared behind that of the launch", r->symbols[s].name);
        }
    }
    r->kernel = NULL;
}

static void read_statement(reader *r, char *text)
{
    ptx_module *const m = r->module;
    char *colon;

    text = trimmed(text);
    if (*text == '\0' || strncmp(text, ".address_size", 13u) == 0 || strncmp(text, ".maxntid", 8u) == 0 ||
        strncmp(text, ".reqntid", 8u) == 0) {
        return;
    }
    if (strncmp(text, ".version", 8u) == 0) {
        unsigned major = 0, minor = 0;
        (void)sscanf(text, ".version %u.%u", &major, &minor);
        m->version = 10u * major + minor;
    } else if (strncmp(text, ".target", 7u) == 0) {
        (void)sscanf(text, ".target sm_%u", &m->architecture);
    } else if (strncmp(text, ".reg", 4u) == 0) {
        read_registers(r, text);
    } else if (strncmp(text, ".extern", 7u) == 0) {
        read_variable(r, text + 7, 1);
    } else if (text[0] == '.' && strncmp(text, ".pragma", 7u) != 0) {
        read_variable(r, text, 0);
    } else if (r->kernel == NULL) {
        fail(r, "unknown statement", text);
    } else {
        for (colon = strchr(text, ':'); colon != NULL && text[0] == '$'; colon = strchr(text, ':')) {
            *colon = '\0';
            if (r->n_labels < 4096) {
                (void)snprintf(r->labels[r->n_labels].name, sizeof(r->labels[0].name), "%s", trimmed(text));
                r->labels[r->n_labels++].at = r->kernel->n_code;
            }
            text = trimmed(colon + 1);
        }
        if (*text != '\0' && strncmp(text, ".pragma", 7u) != 0) {
            read_instruction(r, text);
        }
    }
    if (r->kernel == NULL) {
        r->n_global_symbols = r->n_symbols;
    }
}

static void drop_comments(char *text)
{
    char *out = text;
    while (*text != '\0') {
        if (text[0] == '/' && text[1] == '/') {
            while (*text != '\0' && *text != '\n') {
                text++;
            }
        } else {
            *out++ = *text++;
        }
    }
    *out = '\0';
}

ptx_module *ptx_load(const char *source, char *error, size_t room)
{
    reader *const r = calloc(1, sizeof(reader));
    ptx_module *const m = calloc(1, sizeof(ptx_module));
    char *const copy = malloc(strlen(source) + 1u), *text = copy, *start = copy;
    int vector = 0, failed;

    (void)strcpy(copy, source);
    drop_comments(copy);
    r->module = m, r->error = error, r->room = room;
    for (; *text != '\0' && !r->failed; text++) {
        if (*text == '\n' && (strncmp(trimmed(start), ".version", 8u) == 0 || strncmp(start, ".target", 7u) == 0 ||
                              strncmp(start, ".address", 8u) == 0)) {
            *text = '\0';
            read_statement(r, start);
            start = text + 1;
        } else if (*text == '{' && r->kernel == NULL) {
            *text = '\0';
            begin_kernel(r, start);
            start = text + 1;
        } else if (*text == '{') {
            vector = 1;
        } else if (*text == '}' && vector) {
            vector = 0;
        } else if (*text == '}') {
            *text = '\0';
            read_statement(r, start);
            end_kernel(r);
            start = text + 1;
        } else if (*text == ';') {
            *text = '\0';
            read_statement(r, start);
            start = text + 1;
        }
    }
    if (!r->failed && m->n_kernels == 0) {
        fail(r, "no kernel", "");
    }
    failed = r->failed;
    free(copy);
    free(r->targets);
    free(r);
    if (failed) {
        ptx_unload(m);
        return NULL;
    }
    return m;
}

void ptx_unload(ptx_module *module)
{
    int k, i, o;
    for (k = 0; k < module->n_kernels; k++) {
        for (i = 0; i < module->kernels[k].n_code; i++) {
            for (o = 0; o < module->kernels[k].code[i].n; o++) {
                free(module->kernels[k].code[i].operand[o].lane);
            }
        }
        free(module->kernels[k].code);
    }
    free(module);
}

unsigned ptx_architecture(const ptx_module *module)
{
    return module->architecture;
}

unsigned ptx_version(const ptx_module *module)
{
    return module->version;
}

const ptx_kernel *ptx_find(const ptx_module *module, const char *name)
{
    int k;
    for (k = 0; k < module->n_kernels; k++) {
        if (strcmp(module->kernels[k].name, name) == 0) {
            return &module->kernels[k];
        }
    }
    return NULL;
}

const char *ptx_name(const ptx_kernel *kernel)
{
    return kernel->name;
}

uint32_t ptx_shared(const ptx_kernel *kernel)
{
    return kernel->shared;
}

size_t ptx_parameter_bytes(const ptx_kernel *kernel)
{
    return kernel->parameter_bytes;
}

void ptx_arguments(const ptx_kernel *kernel, void **arguments, uint8_t *output)
{
    int p;
    for (p = 0; p < kernel->n_parameters; p++) {
        memcpy(output + kernel->parameter_at[p], arguments[p], kernel->parameter_size[p]);
    }
}

/* ---- running ---- */

typedef struct {
    uint64_t *reg;
    uint8_t *local;
    int at;
    int waits, done;
    uint32_t special[12];
} thread;

typedef struct {
    const ptx_kernel *kernel;
    const uint8_t *arguments;
    uint8_t *shared;
    size_t shared_size;
    ptx_memory memory;
    char *error;
    size_t room;
} run_state;

static uint64_t value_of(const thread *t, const operand *o, int bits)
{
    const uint64_t raw = o->kind == REGISTER ? t->reg[o->reg] : o->kind == SPECIAL ? t->special[o->special] : o->value;
    return raw & mask(bits);
}

static int complain(const run_state *s, const instruction *i, int code, uint64_t address, size_t size)
{
    (void)snprintf(s->error, s->room, "%s: instruction %d, %s of %u bytes at %#llx is %s", s->kernel->name,
                   (int)(i - s->kernel->code), OPS[i->op], (unsigned)size, (unsigned long long)address,
                   code == PTX_MISALIGNED ? "not aligned" : "outside of its memory");
    return code;
}

static int access(const run_state *s, thread *t, const instruction *i)
{
    const operand *const o = &i->operand[i->op == LD];
    const operand *const moved = &i->operand[i->op == ST];
    const size_t each = (size_t)i->bits / 8u, size = each * (size_t)i->vector;
    const uint64_t address = o->value + (o->reg >= 0 ? t->reg[o->reg] : 0u);
    uint8_t *memory = NULL;
    int lane;

    if (i->space == GLOBAL) {
        memory = s->memory(address, size);
    } else if (i->space == SHARED && address <= s->shared_size && size <= s->shared_size - address) {
        memory = s->shared + address;
    } else if (i->space == LOCAL && address + size <= s->kernel->local) {
        memory = t->local + address;
    } else if (i->space == PARAMETER && i->op == LD && address + size <= s->kernel->parameter_bytes) {
        uint8_t copy[32];
        uint64_t value = 0;
        memcpy(copy, s->arguments + address, size);
        memcpy(&value, copy, each);
        t->reg[moved->reg] = value;
        return PTX_OK;
    }
    if (memory == NULL) {
        return complain(s, i, PTX_ADDRESS, address, size);
    }
    if (address % size != 0u) {
        return complain(s, i, PTX_MISALIGNED, address, size);
    }
    for (lane = 0; lane < i->vector; lane++) {
        const operand *const one = moved->kind == VECTOR ? &moved->lane[lane] : moved;
        uint64_t value = 0;
        if (i->op == ST) {
            value = value_of(t, one, i->bits);
            memcpy(memory + (size_t)lane * each, &value, each);
        } else {
            memcpy(&value, memory + (size_t)lane * each, each);
            t->reg[one->reg] = i->is_signed ? (uint64_t)extended(value, i->bits) : value;
        }
    }
    return PTX_OK;
}

static uint64_t compared(const instruction *i, uint64_t a, uint64_t b)
{
    const char *const c = i->compare;
    const int64_t x = extended(a, i->bits), y = extended(b, i->bits);
    const int less = i->is_signed ? x < y : a < b, equal = a == b;
    if (strcmp(c, "eq") == 0) {
        return (uint64_t)equal;
    }
    if (strcmp(c, "ne") == 0) {
        return (uint64_t)!equal;
    }
    if (strcmp(c, "lt") == 0 || strcmp(c, "lo") == 0) {
        return (uint64_t)less;
    }
    if (strcmp(c, "le") == 0 || strcmp(c, "ls") == 0) {
        return (uint64_t)(less || equal);
    }
    if (strcmp(c, "gt") == 0 || strcmp(c, "hi") == 0) {
        return (uint64_t)!(less || equal);
    }
    return (uint64_t)!less;
}

static uint64_t product(const instruction *i, uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 uint128;
    __extension__ typedef __int128 int128;

    if (i->wide) {
        return i->is_signed ? (uint64_t)(extended(a, i->bits) * extended(b, i->bits)) : a * b;
    }
    if (i->high) {
        return i->is_signed ? (uint64_t)(((int128)extended(a, i->bits) * extended(b, i->bits)) >> i->bits)
                            : (uint64_t)(((uint128)a * b) >> i->bits);
    }
    return a * b;
}

static uint64_t lop3(uint64_t a, uint64_t b, uint64_t c, uint64_t table)
{
    uint64_t result = 0;
    int k;
    for (k = 0; k < 8; k++) {
        if (table >> k & 1u) {
            result |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
        }
    }
    return result;
}

static uint64_t permuted(uint64_t a, uint64_t b, uint64_t selector)
{
    const uint64_t bytes = a | b << 32;
    uint64_t result = 0;
    int k;
    for (k = 0; k < 4; k++) {
        const uint64_t pick = selector >> (4 * k) & 15u, byte = bytes >> (8u * (pick & 7u)) & 255u;
        result |= (pick & 8u ? (byte & 128u ? 255u : 0u) : byte) << (8 * k);
    }
    return result;
}

static uint64_t funnel(const instruction *i, uint64_t low, uint64_t high, uint64_t by)
{
    const uint64_t both = low | high << 32;
    by &= 31u;
    return i->high ? both >> by : (both << by) >> 32;
}

static uint64_t reversed(uint64_t a, int bits)
{
    uint64_t result = 0;
    int k;
    for (k = 0; k < bits; k++) {
        result |= (a >> k & 1u) << (bits - 1 - k);
    }
    return result;
}

static uint64_t leading_zeros(uint64_t a, int bits)
{
    int k = bits;
    while (k > 0 && !(a >> (k - 1) & 1u)) {
        k--;
    }
    return (uint64_t)(bits - k);
}

static uint64_t field(const instruction *i, uint64_t a, uint64_t at, uint64_t length)
{
    uint64_t value;
    at &= 255u, length &= 255u;
    if (length == 0u) {
        return 0;
    }
    if (i->is_signed) {
        value = at >= (uint64_t)i->bits ? 0u : (uint64_t)(extended(a, i->bits) >> at);
        return length >= 64u ? value : (uint64_t)extended(value, (int)length);
    }
    return (at >= 64u ? 0u : a >> at) & (length >= 64u ? ~0ull : (1ull << length) - 1u);
}

static uint64_t divided(const instruction *i, uint64_t a, uint64_t b)
{
    const int64_t x = extended(a, i->bits), y = extended(b, i->bits);
    if (b == 0u) {
        return ~0ull;
    }
    if (i->op == DIV) {
        return i->is_signed ? (uint64_t)(x / y) : a / b;
    }
    return i->is_signed ? (uint64_t)(x % y) : a % b;
}

/* A move between one register and several, or a plain one. */
static void move(thread *t, const instruction *i)
{
    const operand *const to = &i->operand[0], *const from = &i->operand[1];
    uint64_t value = 0;
    int lane;

    if (to->kind == VECTOR) {
        const int bits = i->bits / to->lanes;
        value = value_of(t, from, i->bits);
        for (lane = 0; lane < to->lanes; lane++) {
            t->reg[to->lane[lane].reg] = value >> (lane * bits) & mask(bits);
        }
    } else if (from->kind == VECTOR) {
        const int bits = i->bits / from->lanes;
        for (lane = 0; lane < from->lanes; lane++) {
            value |= value_of(t, &from->lane[lane], bits) << (lane * bits);
        }
        t->reg[to->reg] = value;
    } else {
        t->reg[to->reg] = value_of(t, from, i->bits);
    }
}

/* What an instruction of values gives. */
static uint64_t computed(const thread *t, const instruction *i)
{
    const int bits = i->bits;
    const uint64_t a = i->n > 1 ? value_of(t, &i->operand[1], i->op == CVT ? i->from_bits : i->op == SETP ? bits : bits) : 0;
    const uint64_t b = i->n > 2 ? value_of(t, &i->operand[2], i->op == SHL || i->op == SHR ? 32 : bits) : 0;
    const uint64_t c = i->n > 3 ? value_of(t, &i->operand[3], i->wide ? 2 * bits : bits) : 0;
    const int64_t x = extended(a, bits), y = extended(b, bits);
    uint64_t other;

    switch (i->op) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return product(i, a, b);
    case MAD: return product(i, a, b) + c;
    case AND: return a & b;
    case OR: return a | b;
    case XOR: return a ^ b;
    case NOT: return bits == 1 ? !a : ~a;
    case NEG: return 0u - a;
    case SHL: return b >= (uint64_t)bits ? 0u : a << b;
    case SHR:
        if (i->is_signed) {
            return (uint64_t)(x >> (b >= (uint64_t)bits ? (uint64_t)bits - 1u : b));
        }
        return b >= (uint64_t)bits ? 0u : a >> b;
    case MIN: return i->is_signed ? (uint64_t)(x < y ? x : y) : a < b ? a : b;
    case MAX: return i->is_signed ? (uint64_t)(x > y ? x : y) : a > b ? a : b;
    case SELP: return value_of(t, &i->operand[3], 1) ? a : b;
    case SETP:
        other = i->n > 3 ? value_of(t, &i->operand[3], 1) : 0u;
        switch (i->also[0]) {
        case 'a': return compared(i, a, b) & other;
        case 'o': return compared(i, a, b) | other;
        case 'x': return compared(i, a, b) ^ other;
        default: return compared(i, a, b);
        }
    case CVT: return i->from_signed ? (uint64_t)extended(a, i->from_bits) : a;
    case CVTA: return a;
    case LOP3: return lop3(a, b, c, value_of(t, &i->operand[4], 8));
    case PRMT: return permuted(a, b, c);
    case SHF: return funnel(i, a, b, c);
    case BREV: return reversed(a, bits);
    case CLZ: return leading_zeros(a, bits);
    case POPC: return (uint64_t)__builtin_popcountll(a);
    case BFE: return field(i, a, b, c);
    case BFI:
        other = value_of(t, &i->operand[4], 32) & 255u;
        other = other >= 64u ? ~0ull : (1ull << other) - 1u;
        return (c & 255u) >= 64u ? b : (b & ~(other << (c & 255u))) | (a & other) << (c & 255u);
    case DIV:
    case REM: return divided(i, a, b);
    default: return 0;
    }
}

/* Runs a thread until it ends or waits. */
static int advance(const run_state *s, thread *t)
{
    uint64_t steps;

    for (steps = 0; steps < MOST_STEPS; steps++) {
        const instruction *i;
        int code;
        if (t->at >= s->kernel->n_code) {
            t->done = 1;
            return PTX_OK;
        }
        i = &s->kernel->code[t->at++];
        if (i->guard >= 0 && (t->reg[i->guard] & 1u) == (uint64_t)i->guard_not) {
            continue;
        }
        switch (i->op) {
        case BRA:
            t->at = i->target;
            break;
        case RET:
            t->done = 1;
            return PTX_OK;
        case BAR:
            t->waits = 1;
            return PTX_OK;
        case LD:
        case ST:
            code = access(s, t, i);
            if (code != PTX_OK) {
                return code;
            }
            break;
        case MOV:
            move(t, i);
            break;
        default: {
            const int single = i->op == POPC || i->op == CLZ;
            const int bits = i->op == SETP ? 1 : single ? 32 : i->wide ? 2 * i->bits : i->bits;
            t->reg[i->operand[0].reg] = computed(t, i) & mask(bits);
        }
        }
    }
    (void)snprintf(s->error, s->room, "%s does not end", s->kernel->name);
    return PTX_ENDLESS;
}

static int run_block(run_state *s, thread *threads, uint32_t n, int backwards)
{
    for (;;) {
        uint32_t done = 0, waiting = 0, k;
        for (k = 0; k < n; k++) {
            thread *const t = &threads[backwards ? n - 1u - k : k];
            if (!t->done) {
                const int code = advance(s, t);
                if (code != PTX_OK) {
                    return code;
                }
            }
            done += (uint32_t)t->done;
            waiting += (uint32_t)t->waits;
            t->waits = 0;
        }
        if (done == n) {
            return PTX_OK;
        }
        if (done != 0u || waiting != n) {
            (void)snprintf(s->error, s->room, "%s: %u of %u threads wait at a barrier that the others do not reach",
                           s->kernel->name, waiting, n);
            return PTX_BARRIER;
        }
    }
}

int ptx_run(const ptx_kernel *kernel, const ptx_grid *grid, const uint8_t *arguments, ptx_memory memory, char *error,
            size_t room)
{
    const uint32_t n = grid->block[0] * grid->block[1] * grid->block[2];
    const size_t shared = kernel->shared + grid->shared, registers = (size_t)kernel->n_registers + 1u;
    const uint64_t blocks = (uint64_t)grid->grid[0] * grid->grid[1] * grid->grid[2];
    run_state s = {kernel, arguments, malloc(shared + 1u), shared, memory, error, room};
    thread *const threads = calloc(n, sizeof(thread));
    uint64_t *const registers_of_all = malloc(n * registers * sizeof(uint64_t));
    uint8_t *const local = malloc(n * (kernel->local + 1u));
    int code = PTX_OK;
    uint64_t b;
    uint32_t k;

    for (b = 0; b < blocks && code == PTX_OK; b++) {
        memset(s.shared, 0xCD, shared);
        memset(registers_of_all, 0xCD, n * registers * sizeof(uint64_t));
        for (k = 0; k < n; k++) {
            thread *const t = &threads[k];
            const uint32_t place[3] = {k % grid->block[0], k / grid->block[0] % grid->block[1],
                                       k / grid->block[0] / grid->block[1]};
            const uint64_t x = b % grid->grid[0], rest = b / grid->grid[0];
            const uint32_t at[3] = {(uint32_t)x, (uint32_t)(rest % grid->grid[1]), (uint32_t)(rest / grid->grid[1])};
            *t = (thread){.reg = registers_of_all + k * registers, .local = local + k * (kernel->local + 1u)};
            memcpy(t->special, place, sizeof(place));
            memcpy(t->special + 3, grid->block, sizeof(place));
            memcpy(t->special + 6, at, sizeof(place));
            memcpy(t->special + 9, grid->grid, sizeof(place));
        }
        code = run_block(&s, threads, n, (int)(b & 1u));
    }
    free(s.shared);
    free(threads);
    free(registers_of_all);
    free(local);
    return code;
}
