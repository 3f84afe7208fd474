/* SPDX-License-Identifier: MIT
 *
 * Counters of hosts. Every judged flow gives two parts, every listener one; a sorter brings the parts of a host
 * together, so that a flood of invented addresses costs disk, not memory.
 *
 *     flow --judge--> part of client, part of server \
 *     listener ------> part of its host               --> some sums --> sorter by (capture, address) --> sum, settled --> rows
 *
 * A part is mostly zeros: only what is not goes into the sorter, and of hosts that come again and again what they came to since
 * another one took their place. In which order parts are added up changes nothing.
 */
#include "engine/run.h"

#include "base/alloc.h"

#include <string.h>

enum { PARTS_MEMORY = 4 << 20, SUM_BITS = 6, SUMS = 1 << SUM_BITS };

struct whose {
    uint32_t capture;
    uint8_t family;
    uint8_t addr[16];
};

struct head {
    struct whose whose;
    struct tca_count_facts facts;
};

/* Behind it, as many as there are. */
struct entry {
    uint32_t id;
    struct tca_bounds bounds;
};

/* Parts of a host that were added up before the sorter has them. */
struct sum {
    struct whose whose;
    bool any;
    struct tca_counts of;
};

struct parts {
    struct tca_session *s;
    struct sum *sum; /* owned: SUMS places, each by its address */
    struct tca_sorter *sorter;
    struct tca_buf item;
    bool *missed; /* owned, one for each capture: it lacks segments */
    bool v4, v6;  /* connections of either are there */
};

static bool same_host(const struct whose *a, const struct whose *b)
{
    return a->capture == b->capture && !memcmp(a->addr, b->addr, sizeof a->addr);
}

/* Whoever chooses addresses that meet there has each part put away by itself. */
static struct sum *place_of(const struct parts *p, const struct whose *whose)
{
    const uint64_t spread = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t high, low;
    memcpy(&high, whose->addr, sizeof high);
    memcpy(&low, whose->addr + sizeof high, sizeof low);
    return &p->sum[(((high + whose->capture) * spread ^ low) * spread) >> (64 - SUM_BITS)];
}

/* Into the sorter, and the place is free. */
static int put_away(struct parts *p, struct sum *sum)
{
    if (!sum->any)
        return TCA_OK;
    struct head head;
    memset(&head, 0, sizeof head); /* with its padding: it goes to a file */
    head.whose.capture = sum->whose.capture;
    head.whose.family = sum->whose.family;
    memcpy(head.whose.addr, sum->whose.addr, sizeof head.whose.addr);
    head.facts = sum->of.facts;
    tca_buf_reset(&p->item);
    tca_buf_add(&p->item, &head, sizeof head);
    for (uint32_t id = 0; id < TCA_COUNTER_COUNT; id++) {
        if (!sum->of.of[id].max) /* no lower bound lies above it */
            continue;
        struct entry entry;
        memset(&entry, 0, sizeof entry);
        entry.id = id;
        entry.bounds = sum->of.of[id];
        tca_buf_add(&p->item, &entry, sizeof entry);
    }
    uint8_t key[TCA_SORT_KEY] = {0};
    tca_key_u32(key, sum->whose.capture);
    memcpy(key + 4, sum->whose.addr, sizeof sum->whose.addr);
    sum->any = false;
    return p->item.failed ? TCA_EMEMORY : tca_sorter_add(p->sorter, key, p->item.bytes, p->item.used);
}

static int put_away_all(struct parts *p)
{
    int error = TCA_OK;
    for (unsigned at = 0; at < SUMS && !error; at++)
        error = put_away(p, &p->sum[at]);
    return error;
}

static int add_part(struct parts *p, const struct whose *whose, const struct tca_counts *part)
{
    struct sum *sum = place_of(p, whose);
    if (sum->any && same_host(&sum->whose, whose)) {
        tca_counts_add(&sum->of, part);
        return TCA_OK;
    }
    int error = put_away(p, sum);
    sum->whose = *whose;
    sum->of = *part;
    sum->any = true;
    return error;
}

static int parts_of_flow(void *user, const struct tca_flow_view *view)
{
    struct parts *p = user;
    const struct tca_dossier *d = view->c->d;
    int error = TCA_OK;
    p->missed[d->capture - 1] |=
        tca_count_sees_loss(view->c) || d->cut_short || (!tca_alone(d) && tca_alone_is_cut(p->s, d));
    p->v4 |= d->family == 4;
    p->v6 |= d->family == 6;
    for (int role = 0; role < 2 && !error; role++) {
        struct whose whose = {.capture = d->capture, .family = d->family};
        memcpy(whose.addr, d->addr[role], sizeof whose.addr);
        struct tca_counts part;
        if (!tca_asked_for(&p->s->set, whose.addr) || !tca_nat_at_home(d, role))
            continue;
        tca_count_flow(view->c, view->v, role, &part);
        error = add_part(p, &whose, &part);
    }
    return error;
}

static int parts_of_listeners(struct parts *p)
{
    int error = TCA_OK;
    for (size_t at = 0; at < tca_swept_listeners(p->s) && !error; at++) {
        struct tca_listener room;
        const struct tca_listener *l = tca_swept_listener(p->s, at, &room);
        struct whose whose = {.capture = l->capture, .family = l->family};
        memcpy(whose.addr, l->addr, sizeof whose.addr);
        struct tca_counts part;
        if (!tca_asked_for(&p->s->set, whose.addr))
            continue;
        tca_count_listener(l, &part);
        error = add_part(p, &whose, &part);
    }
    return error;
}

/* ---- totals ---- */

struct totals {
    struct tca_session *s;
    const bool *missed;
    tca_host_counts_fn *fn;
    void *user;
    struct whose whose;
    bool both_families;
    bool any; /* a host is being added up */
    bool
        counting; /* first walk: are there hosts at whose side the capture was taken? Only facts are added up */
    uint64_t at_side; /* so many */
    struct tca_counts sum;
};

/* By a filter, a time window or a count: what was left out may have been counted, too. */
static bool left_out(const struct tca_settings *set, const struct tca_capture_facts *capture)
{
    uint64_t filtered = capture->outcome[TCA_OUTCOME_filtered];
    return filtered || (set->max_records && capture->packets - filtered >= set->max_records);
}

static int tell(struct totals *t)
{
    if (!t->any)
        return TCA_OK;
    const struct tca_capture_facts *capture = &t->s->capture[t->whose.capture - 1]->facts;
    bool near = tca_counts_near(&t->sum);
    if (t->counting) {
        t->at_side += near;
        return TCA_OK;
    }
    t->sum.facts.left_out = left_out(&t->s->set, capture);
    t->sum.facts.missed = t->missed[t->whose.capture - 1] || capture->drops;
    tca_counts_settle(&t->sum);
    struct tca_host_counts host = {.addr = t->whose.addr,
                                   .family = t->whose.family,
                                   .capture = capture,
                                   .counts = &t->sum,
                                   .both_families = t->both_families,
                                   .near = near || !t->at_side || t->s->set.has_host};
    return t->fn(t->user, &host);
}

static int take_part(void *user, const void *item, size_t size)
{
    struct totals *t = user;
    struct head head;
    memcpy(&head, item, sizeof head);
    int stop = TCA_OK;
    if (!t->any || !same_host(&head.whose, &t->whose)) {
        stop = tell(t);
        t->whose = head.whose;
        t->any = true;
        memset(&t->sum, 0, sizeof t->sum);
    }
    tca_count_facts_add(&t->sum.facts, &head.facts);
    const char *bytes = item;
    for (size_t at = sizeof head; at < size && !t->counting; at += sizeof(struct entry)) {
        struct entry entry;
        memcpy(&entry, bytes + at, sizeof entry);
        tca_count_add(&t->sum, entry.id, entry.bounds);
    }
    return stop;
}

static int add_up(struct parts *p, struct totals *t)
{
    t->any = false;
    int error = tca_sorter_walk(p->sorter, take_part, t);
    return error ? error : tell(t);
}

/* ---- made ---- */

static void done_parts(void *own)
{
    struct parts *p = own;
    if (!p)
        return;
    tca_sorter_free(p->sorter);
    tca_buf_done(&p->item);
    tca_free(p->missed);
    tca_free(p->sum);
    tca_free(p);
}

static int begin_parts(struct tca_session *s, unsigned of, void **ret_own)
{
    struct parts *p = tca_alloc(sizeof *p);
    *ret_own = p;
    if (!p)
        return TCA_EMEMORY;
    p->s = s;
    p->missed = tca_alloc(s->capture_count + 1);
    p->sum = tca_alloc(SUMS * sizeof *p->sum);
    return p->missed && p->sum ? tca_sorter_new(PARTS_MEMORY / of, s->set.temp_dir, &p->sorter) : TCA_EMEMORY;
}

static int join_parts(void *user, void *part)
{
    struct parts *p = user, *other = part;
    for (size_t at = 0; at < p->s->capture_count; at++)
        p->missed[at] |= other->missed[at];
    p->v4 |= other->v4;
    p->v6 |= other->v6;
    int error = put_away_all(other);
    return error ? error : tca_sorter_take(p->sorter, other->sorter);
}

static int tell_totals(void *own, void *to)
{
    struct parts *p = own;
    const struct tca_host_counts_to *whom = to;
    struct totals t = {.s = p->s, .missed = p->missed, .fn = whom->fn, .user = whom->user};
    int error = parts_of_listeners(p);
    if (!error)
        error = put_away_all(p);
    t.both_families = p->v4 && p->v6;
    t.counting = true;
    if (!error)
        error = add_up(p, &t);
    t.counting = false;
    return error ? error : add_up(p, &t);
}

const struct tca_maker tca_counters_maker = {begin_parts, parts_of_flow, join_parts,
                                             tell_totals, done_parts,    true};
