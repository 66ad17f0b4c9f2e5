/* An order of gates that stays in the first-level cache, the slots of their results, and when outputs are counted.
   Called by uniform.py, which says what comes of it; all memory is the caller's. */

#include <stdint.h>

#define TREE 16      /* outputs that are counted together */
#define BATCH 8      /* trees that are counted one after the other: the processor mispredicts less */
#define STACK 32768  /* candidates remembered; those forgotten are found again */
#define CHOICE 16    /* candidates that are compared */
#define READERS 64   /* readers of a row that are considered when it comes into the cache */
#define AVAILABLE 1u /* of a signal: its readers may run */
#define DONE 2u      /* of a gate's signal: it has run */

typedef struct {
    int32_t gate[STACK];
    uint32_t top, count;
} stack;

typedef struct {
    int32_t n_inputs;
    const int32_t *a, *b;
    int32_t *first_reader, *readers, *end_reader;
    uint8_t *state;   /* [signals] */
    int32_t *left;    /* [signals] readings to come */
    int32_t *slot;    /* [signals] */
    int32_t *free;    /* slots, the one freed last on top */
    int32_t n_free, n_slots;
    uint32_t *stamp;  /* [slots] the clock when it was touched */
    uint32_t clock, rows;
    stack *both, *one; /* gates with both inputs in the cache, and with one */
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

static int is_ready(const planner *p, int32_t gate)
{
    return (p->state[p->a[gate]] & p->state[p->b[gate]] & AVAILABLE) != 0;
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
                push(cached(p, p->a[gate]) && cached(p, p->b[gate]) ? p->both : p->one, gate);
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
static int32_t choose_one(planner *p)
{
    int32_t other[CHOICE], n_others = 0, best = -1, most = -1;

    for (int32_t seen = 0; p->one->count > 0 && seen < CHOICE;) {
        const int32_t gate = pop(p->one), a = p->a[gate], b = p->b[gate];
        if (is_done(p, gate) || !(cached(p, a) || cached(p, b))) {
            continue;
        }
        const int32_t freed = (p->left[a] == 1) + (p->left[b] == 1);
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
        push(p->one, other[--n_others]);
    }
    return best;
}

/* The best gate that may run: both inputs in the cache, one, or the first of those left. */
static int32_t choose(planner *p, int32_t *first_left)
{
    while (p->both->count > 0) {
        const int32_t gate = pop(p->both);
        if (!is_done(p, gate)) {
            const int in_cache = cached(p, p->a[gate]) + cached(p, p->b[gate]);
            if (in_cache == 2) {
                return gate;
            }
            if (in_cache == 1) {
                push(p->one, gate);
            }
        }
    }
    const int32_t gate = choose_one(p);
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

int32_t lgn_schedule_uniform(
    int32_t n_inputs, int32_t n_gates, const uint8_t *op, const int32_t *a, const int32_t *b,
    int32_t n_outputs, int32_t classes, const int32_t *output, const uint8_t *inverted, int32_t rows, int32_t delay,
    int32_t *first_reader, int32_t *end_reader, int32_t *readers, uint8_t *state, int32_t *left, int32_t *slot,
    int32_t *free, uint32_t *stamp, void *stacks, int32_t *order, int32_t *first_output, int32_t *output_by_signal,
    int32_t *pending, int32_t *n_pending,
    int32_t *dst, int32_t *x, int32_t *y, int32_t *z, int32_t *tree_row, int32_t *tree_stop, int32_t *tree_class,
    int32_t *tree_inverted, int32_t *n_trees)
{
    const int32_t n_signals = n_inputs + n_gates, zero = n_inputs;
    stack *const both = stacks, *const one = both + 1;
    planner planned = {n_inputs, a, b, first_reader, readers, end_reader, state, left, slot, free, 0, n_inputs + 1,
                       stamp, (uint32_t)rows, (uint32_t)rows, both, one};
    counter counted = {
        n_outputs / classes, inverted, first_output, output_by_signal, pending, n_pending,
        tree_row, tree_stop, tree_class, tree_inverted, 0, {0}, 0, 0, zero};
    planner *const p = &planned;
    counter *const c = &counted;
    int32_t first_left = 0, released = 0;

    both->top = both->count = one->top = one->count = 0;
    for (int32_t g = 0; g < n_gates; g++) {
        first_reader[a[g]]++;
        first_reader[b[g]]++;
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
        readers[end_reader[a[g]]++] = g;
        readers[end_reader[b[g]]++] = g;
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
        touch(p, a[g]);
        touch(p, b[g]);
        /* x ^ (y & ~z): a & b = a ^ (a & ~b), a & ~b = 0 ^ (a & ~b), a | b = a ^ (b & ~a), a ^ b = a ^ (b & ~0) */
        x[k] = op[g] == 1 ? zero : slot[a[g]];
        y[k] = op[g] < 2 ? slot[a[g]] : slot[b[g]];
        z[k] = op[g] < 2 ? slot[b[g]] : op[g] == 2 ? slot[a[g]] : zero;
        read_once(p, a[g]);
        read_once(p, b[g]);
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
