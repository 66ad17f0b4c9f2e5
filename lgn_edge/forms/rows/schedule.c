/* An order of gates that stays in the first-level cache, the slots of their results, and when outputs are counted.
   Called by schedule.py, which says what comes of it; all memory is the caller's. */

#include <stdint.h>
#include <string.h>

#define TREE 16      /* outputs that are counted together */
#define BATCH 8      /* trees that are counted one after the other: the processor mispredicts less */
#define STACK 32768  /* candidates remembered; those forgotten are found again */
#define CHOICE 4    /* candidates that are compared */
#define READERS 64   /* readers of a row that are considered when it comes into the cache */
#define ZERO (-1)    /* the signal that is always 0 */
#define AND_NOT 1
#define OR 2
#define XOR 3
#define AVAILABLE 1u /* of a signal: its readers may run */
#define DONE 2u      /* of a gate's signal: it has run */

typedef struct {
    int32_t gate[STACK];
    uint32_t top, count;
} stack;

typedef struct {
    int32_t n_inputs;
    const int32_t *x, *y, *z; /* [gates] signals, or ZERO */
    int32_t *first_reader, *readers, *end_reader;
    uint8_t *state;   /* [signals] */
    int32_t *left;    /* [signals] readings to come */
    int32_t *slot;    /* [signals] */
    int32_t *free;    /* slots, the one freed last on top */
    int32_t n_free, n_slots;
    uint32_t *stamp;  /* [slots] the clock when it was touched */
    uint32_t clock, rows;
    stack *all, *some; /* gates with all inputs in the cache, and with some */
} planner;

static void push(stack *s, int32_t gate)
{
    s->gate[s->top++ % STACK] = gate;
    s->count += s->count < STACK;
}

static int32_t pop(stack *s)
{
    s->count--;
    return s->gate[--s->top % STACK];
}

/* The clock counts rows that came into the cache; the cache is taken to hold the last `rows` of them. */
static int cached(const planner *p, int32_t signal)
{
    return p->clock - p->stamp[p->slot[signal]] < p->rows;
}

static int is_done(const planner *p, int32_t gate)
{
    return (p->state[p->n_inputs + gate] & DONE) != 0;
}

/* The different signals, up to three, that a gate reads. */
static int32_t inputs_of(const planner *p, int32_t gate, int32_t *input)
{
    const int32_t x = p->x[gate], y = p->y[gate], z = p->z[gate];
    int32_t n = 0;

    if (x != ZERO) {
        input[n++] = x;
    }
    if (y != ZERO && y != x) {
        input[n++] = y;
    }
    if (z != ZERO && z != x && z != y) {
        input[n++] = z;
    }
    return n;
}

static int is_ready(const planner *p, int32_t gate)
{
    int32_t input[3];
    const int32_t n = inputs_of(p, gate, input);

    for (int32_t i = 0; i < n; i++) {
        if (!(p->state[input[i]] & AVAILABLE)) {
            return 0;
        }
    }
    return 1;
}

/* How many of the rows that a gate reads are not in the cache; in *freed, how many are read for the last time. */
static int32_t missing(const planner *p, int32_t gate, int32_t *n, int32_t *freed)
{
    int32_t input[3], n_missing = 0;

    *n = inputs_of(p, gate, input);
    *freed = 0;
    for (int32_t i = 0; i < *n; i++) {
        n_missing += !cached(p, input[i]);
        *freed += p->left[input[i]] == 1;
    }
    return n_missing;
}

static void consider_readers(planner *p, int32_t signal)
{
    int32_t *const readers = p->readers;
    const int32_t first = p->first_reader[signal];
    int32_t considered = 0;

    for (int32_t i = p->end_reader[signal] - 1; i >= first && considered < READERS; i--) {
        const int32_t gate = readers[i];
        if (is_done(p, gate)) {
            readers[i] = readers[--p->end_reader[signal]];
        } else {
            considered++;
            if (is_ready(p, gate)) {
                int32_t n, freed;
                push(missing(p, gate, &n, &freed) == 0 ? p->all : p->some, gate);
            }
        }
    }
}

static void touch(planner *p, int32_t signal)
{
    const int came = !cached(p, signal);
    p->clock += (uint32_t)came;
    p->stamp[p->slot[signal]] = p->clock;
    if (came) {
        consider_readers(p, signal);
    }
}

static void read_once(planner *p, int32_t signal)
{
    if (--p->left[signal] == 0) {
        p->free[p->n_free++] = p->slot[signal];
    }
}

static void place(planner *p, int32_t signal)
{
    int32_t slot;
    if (p->n_free > 0) {
        slot = p->free[--p->n_free];
        p->clock += p->clock - p->stamp[slot] >= p->rows;
    } else {
        slot = p->n_slots++;
        p->clock++;
    }
    p->slot[signal] = slot;
    p->stamp[slot] = p->clock;
}

/* Of the latest candidates with an input in the cache, the one that frees most; -1 when there is none. */
static int32_t choose_some(planner *p)
{
    int32_t other[CHOICE], n_others = 0, best = -1, most = -1;

    for (int32_t seen = 0; p->some->count > 0 && seen < CHOICE;) {
        const int32_t gate = pop(p->some);
        int32_t n, freed;
        if (is_done(p, gate)) {
            continue;
        }
        if (missing(p, gate, &n, &freed) == n) {
            continue;
        }
        seen++;
        if (freed > most) {
            if (best >= 0) {
                other[n_others++] = best;
            }
            best = gate;
            most = freed;
        } else {
            other[n_others++] = gate;
        }
    }
    while (n_others > 0) {
        push(p->some, other[--n_others]);
    }
    return best;
}

/* The best gate that may run: all inputs in the cache, some, or the first of those left. */
static int32_t choose(planner *p, int32_t *first_left)
{
    while (p->all->count > 0) {
        const int32_t gate = pop(p->all);
        if (!is_done(p, gate)) {
            int32_t n, freed;
            const int32_t n_missing = missing(p, gate, &n, &freed);
            if (n_missing == 0) {
                return gate;
            }
            if (n_missing < n) {
                push(p->some, gate);
            }
        }
    }
    const int32_t gate = choose_some(p);
    if (gate >= 0) {
        return gate;
    }
    while (is_done(p, *first_left)) {
        ++*first_left;
    }
    return *first_left;
}

typedef struct {
    int32_t group;            /* outputs of a class */
    const uint8_t *inverted;  /* [outputs] */
    int32_t *first_output;    /* [signals + 1] */
    int32_t *output;          /* outputs by signal */
    int32_t *pending;         /* [classes * TREE] 2 * signal + inverted */
    int32_t *n_pending;       /* [classes] */
    int32_t *row, *stop, *class_of, *n_inverted; /* of each tree */
    int32_t n_trees;
    int32_t waiting[BATCH * TREE], n_waiting; /* signals of trees that have no stop yet */
    int32_t n_stopped;                        /* trees that have one */
    int32_t zero_slot;
} counter;

/* Let the trees that wait be counted when `stop` gates have run. */
static void stop_trees(planner *p, counter *c, int32_t stop)
{
    for (; c->n_stopped < c->n_trees; c->n_stopped++) {
        c->stop[c->n_stopped] = stop;
    }
    for (int32_t i = 0; i < c->n_waiting; i++) {
        read_once(p, c->waiting[i]);
    }
    c->n_waiting = 0;
}

/* Rows counted as they are, rows of zeros, then those complemented. */
static void plant(planner *p, counter *c, int32_t class_of, int32_t stop)
{
    int32_t *const row = c->row + (int64_t)c->n_trees * TREE;
    int32_t plain = 0, inverted = 0;

    for (int32_t i = 0; i < c->n_pending[class_of]; i++) {
        const int32_t entry = c->pending[class_of * TREE + i];
        row[entry & 1 ? TREE - 1 - inverted++ : plain++] = p->slot[entry >> 1];
        c->waiting[c->n_waiting++] = entry >> 1;
    }
    for (int32_t i = plain; i < TREE - inverted; i++) {
        row[i] = c->zero_slot;
    }
    c->n_pending[class_of] = 0;
    c->class_of[c->n_trees] = class_of;
    c->n_inverted[c->n_trees++] = inverted;
    if (c->n_trees - c->n_stopped == BATCH) {
        stop_trees(p, c, stop);
    }
}

static void count_outputs(planner *p, counter *c, int32_t signal, int32_t stop)
{
    for (int32_t i = c->first_output[signal]; i < c->first_output[signal + 1]; i++) {
        const int32_t output = c->output[i], class_of = output / c->group;
        c->pending[class_of * TREE + c->n_pending[class_of]++] = 2 * signal + c->inverted[output];
        if (c->n_pending[class_of] == TREE) {
            plant(p, c, class_of, stop);
        }
    }
}

/* first[s]..first[s + 1] become the places in `sorted` of the items whose key is s, in the order of the items. */
static void sort_by_key(int32_t n_keys, int32_t *first)
{
    int32_t sum = 0;
    for (int32_t key = 0; key <= n_keys; key++) {
        const int32_t n = first[key];
        first[key] = sum;
        sum += n;
    }
}

/* Gates `op` of a and b as uniform gates of the signals x, y and z. An AND-NOT that only an XOR reads becomes a part of
   it: a uniform gate is both. So fewer gates are left, in their order; the signals are numbered anew, in `output` too. */
int32_t lgn_uniform_gates(
    int32_t n_inputs, int32_t n_gates, const uint8_t *op, const int32_t *a, const int32_t *b, int32_t n_outputs,
    int32_t *output, int32_t *x, int32_t *y, int32_t *z, int32_t *readings, int32_t *number)
{
    int32_t n_left = 0;

    memset(readings, 0, ((size_t)n_inputs + (size_t)n_gates) * sizeof *readings);
    for (int32_t g = 0; g < n_gates; g++) {
        readings[a[g]]++;
        readings[b[g]]++;
    }
    for (int32_t o = 0; o < n_outputs; o++) {
        if (output[o] >= 0) {
            readings[output[o]]++;
        }
    }
    for (int32_t g = 0; g < n_gates; g++) {
        for (int side = 0; op[g] == XOR && side < 2; side++) {
            const int32_t signal = side ? b[g] : a[g], gate = signal - n_inputs;
            if (gate >= 0 && op[gate] == AND_NOT && readings[signal] == 1) {
                readings[signal] = 0; /* it is no gate of its own */
                break;
            }
        }
    }
    for (int32_t s = 0; s < n_inputs; s++) {
        number[s] = s;
    }
    for (int32_t g = 0; g < n_gates; g++) {
        const int32_t first = number[a[g]], second = number[b[g]], part = !readings[a[g]] ? a[g] : b[g];
        if (!readings[n_inputs + g]) {
            number[n_inputs + g] = ZERO;
            continue;
        }
        /* x ^ (y & ~z): a & b = a ^ (a & ~b), a & ~b = 0 ^ (a & ~b), a | b = a ^ (b & ~a), a ^ b = a ^ (b & ~0) */
        x[n_left] = op[g] == AND_NOT ? ZERO : first;
        y[n_left] = op[g] < OR ? first : second;
        z[n_left] = op[g] < OR ? second : op[g] == OR ? first : ZERO;
        if (!readings[part]) {
            x[n_left] = part == a[g] ? second : first;
            y[n_left] = number[a[part - n_inputs]];
            z[n_left] = number[b[part - n_inputs]];
        }
        number[n_inputs + g] = n_inputs + n_left++;
    }
    for (int32_t o = 0; o < n_outputs; o++) {
        output[o] = output[o] < 0 ? output[o] : number[output[o]];
    }
    return n_left;
}

int32_t lgn_schedule_uniform(
    int32_t n_inputs, int32_t n_gates, const int32_t *gate_x, const int32_t *gate_y, const int32_t *gate_z,
    int32_t n_outputs, int32_t classes, const int32_t *output, const uint8_t *inverted, int32_t rows, int32_t delay,
    int32_t *first_reader, int32_t *end_reader, int32_t *readers, uint8_t *state, int32_t *left, int32_t *slot,
    int32_t *free, uint32_t *stamp, void *stacks, int32_t *order, int32_t *first_output, int32_t *output_by_signal,
    int32_t *pending, int32_t *n_pending,
    int32_t *dst, int32_t *x, int32_t *y, int32_t *z, int32_t *tree_row, int32_t *tree_stop, int32_t *tree_class,
    int32_t *tree_inverted, int32_t *n_trees)
{
    const int32_t n_signals = n_inputs + n_gates, zero = n_inputs;
    stack *const all = stacks, *const some = all + 1;
    planner planned = {n_inputs, gate_x, gate_y, gate_z, first_reader, readers, end_reader, state, left, slot, free, 0,
                       n_inputs + 1, stamp, (uint32_t)rows, (uint32_t)rows, all, some};
    counter counted = {
        n_outputs / classes, inverted, first_output, output_by_signal, pending, n_pending,
        tree_row, tree_stop, tree_class, tree_inverted, 0, {0}, 0, 0, zero};
    planner *const p = &planned;
    counter *const c = &counted;
    int32_t first_left = 0, released = 0, input[3];

    all->top = all->count = some->top = some->count = 0;
    for (int32_t g = 0; g < n_gates; g++) {
        for (int32_t i = inputs_of(p, g, input); i > 0; i--) {
            first_reader[input[i - 1]]++;
        }
    }
    for (int32_t o = 0; o < n_outputs; o++) { /* a negative one is not counted */
        if (output[o] >= 0) {
            first_output[output[o]]++;
        }
    }
    for (int32_t s = 0; s < n_signals; s++) {
        left[s] = first_reader[s] + first_output[s];
    }
    sort_by_key(n_signals, first_reader);
    sort_by_key(n_signals, first_output);
    for (int32_t s = 0; s < n_signals; s++) {
        end_reader[s] = first_reader[s];
    }
    for (int32_t g = n_gates - 1; g >= 0; g--) { /* the first reader is considered first, from the end */
        for (int32_t i = inputs_of(p, g, input); i > 0; i--) {
            readers[end_reader[input[i - 1]]++] = g;
        }
    }
    for (int32_t o = 0; o < n_outputs; o++) {
        if (output[o] >= 0) {
            output_by_signal[first_output[output[o]]++] = o;
        }
    }
    for (int32_t s = n_signals; s > 0; s--) {
        first_output[s] = first_output[s - 1];
    }
    first_output[0] = 0;

    for (int32_t s = 0; s < n_inputs; s++) {
        slot[s] = s;
        state[s] = AVAILABLE;
        count_outputs(p, c, s, 0);
    }
    for (int32_t k = 0; k < n_gates; k++) {
        int32_t g;
        do {
            for (; released <= k - delay; released++) {
                state[n_inputs + order[released]] |= AVAILABLE;
                consider_readers(p, n_inputs + order[released]);
            }
            g = choose(p, &first_left);
            if (is_ready(p, g)) {
                break;
            }
            state[n_inputs + order[released]] |= AVAILABLE; /* nothing else to do: wait for a result */
            consider_readers(p, n_inputs + order[released++]);
        } while (1);
        order[k] = g;
        const int32_t n = inputs_of(p, g, input);
        for (int32_t i = 0; i < n; i++) {
            touch(p, input[i]);
        }
        x[k] = gate_x[g] == ZERO ? zero : slot[gate_x[g]];
        y[k] = gate_y[g] == ZERO ? zero : slot[gate_y[g]];
        z[k] = gate_z[g] == ZERO ? zero : slot[gate_z[g]];
        for (int32_t i = 0; i < n; i++) {
            read_once(p, input[i]);
        }
        place(p, n_inputs + g);
        state[n_inputs + g] |= DONE;
        dst[k] = slot[n_inputs + g];
        count_outputs(p, c, n_inputs + g, k + 1);
    }
    for (int32_t class_of = 0; class_of < classes; class_of++) {
        if (n_pending[class_of] > 0) {
            plant(p, c, class_of, n_gates);
        }
    }
    stop_trees(p, c, n_gates);
    *n_trees = c->n_trees;
    return p->n_slots;
}

int32_t lgn_schedule_stack_bytes(void)
{
    return (int32_t)(2 * sizeof(stack));
}
