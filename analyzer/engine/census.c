/* SPDX-License-Identifier: MIT
 *
 * The census of a run: made when it is first asked for, from one more walk over the dossiers, and kept.
 *
 * A capture tells nothing after its last packet. What it told last holds on, until a capture begins that was
 * taken after it (the next file of a rotation, say): that one then tells anew of the connections that live. Where that one
 * comes long after, it holds on for twice the maximum segment lifetime: nobody knows what became of it in between.
 */
#include "engine/run.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>

/* When captures begin, sorted; those without a packet left out. */
struct begins {
    int64_t *time_ns; /* owned */
    size_t count;
};

static int find_begins(const struct tca_session *s, struct begins *b)
{
    b->time_ns = tca_grow(NULL, s->capture_count + 1, sizeof *b->time_ns);
    if (!b->time_ns)
        return TCA_EMEMORY;
    b->count = 0;
    for (size_t at = 0; at < s->capture_count; at++)
        if (s->capture[at]->facts.packets)
            b->time_ns[b->count++] = s->capture[at]->facts.first_ns;
    if (b->count)
        tca_sort_i64(b->time_ns, b->count);
    return TCA_OK;
}

/* RFC 9293 section 3.4.2: MSL is two minutes. */
static const int64_t HOLDS_ON_NS = 2 * INT64_C(120000000000);

/* When the first capture begins after this moment; INT64_MAX: none. */
static int64_t next_begin(const struct begins *b, int64_t time_ns)
{
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->time_ns[middle] <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low < b->count ? b->time_ns[low] : INT64_MAX;
}

struct taking {
    struct tca_session *s;
    struct tca_census *census;
    struct begins begins;
    const struct tca_sweep *served; /* NULL: every socket is counted */
    int64_t until_ns;               /* clocks run on to this moment, where that is after the capture's end */
};

/* From when on what a capture told until then is no longer so. Where clocks ran on they tell what it would have been. */
static int64_t let_go_ns(const struct taking *t, int64_t end_ns)
{
    int64_t next_ns = next_begin(&t->begins, end_ns);
    bool far = next_ns != INT64_MAX && next_ns - end_ns > HOLDS_ON_NS && t->until_ns <= end_ns;
    return far ? end_ns + HOLDS_ON_NS : next_ns;
}

static int take_case(const struct taking *t, struct tca_case c)
{
    c.pressed = tca_nat_pressed(t->s, c.d);
    int64_t end_ns = c.d->capture_end_ns, until_ns = t->until_ns > end_ns ? t->until_ns : end_ns;
    if (c.d->cut_short) /* what became of its sockets is not known, or another row's */
        return tca_census_add(t->census, &c, t->served, end_ns, end_ns);
    return tca_census_add(t->census, &c, t->served, until_ns, let_go_ns(t, end_ns));
}

static int take_all(void *user, struct tca_settled *settled, size_t count)
{
    const struct taking *t = user;
    int error = TCA_OK;
    for (size_t at = 0; at < count && !error; at++)
        error = take_case(t, tca_pass2_case(t->s, &settled[at]));
    return error;
}

static int begin(struct tca_session *s, unsigned of, struct taking *t)
{
    t->s = s;
    int error = find_begins(s, &t->begins);
    return error ? error : tca_census_new(s->set.temp_dir, of, &t->census);
}

static void done(struct taking *t)
{
    tca_free(t->begins.time_ns);
    tca_census_free(t->census);
}

static bool is_listed(void *user, uint32_t capture, const uint8_t addr[16], uint16_t port)
{
    return tca_swept_serves(user, capture, addr, port);
}

static int end(struct taking *t, struct tca_census **ret_census)
{
    int error = tca_census_run(t->census, is_listed, t->s);
    if (error)
        return error;
    *ret_census = t->census;
    t->census = NULL;
    return TCA_OK;
}

static int make(struct tca_session *s, int64_t until_ns, const struct tca_sweep *served,
                struct tca_census **ret_census)
{
    struct taking t = {.served = served, .until_ns = until_ns};
    int error = begin(s, 1, &t);
    if (!error)
        error = tca_pass2_settle_all(s, until_ns, take_all, &t);
    if (!error)
        error = end(&t, ret_census);
    done(&t);
    return error;
}

/* ---- beside others ---- */

static int begin_census(struct tca_session *s, unsigned of, void **ret_own)
{
    struct taking *t = tca_alloc(sizeof *t);
    *ret_own = t;
    if (!t)
        return TCA_EMEMORY;
    t->until_ns = INT64_MIN;
    return begin(s, of, t);
}

static int join_censuses(void *user, void *part)
{
    const struct taking *t = user, *other = part;
    return tca_census_join(t->census, other->census);
}

static int take_flow(void *user, const struct tca_flow_view *view)
{
    return take_case(user, *view->c);
}

static int end_census(void *own, void *to)
{
    struct taking *t = own;
    (void)to;
    return end(t, &t->s->census);
}

static void done_census(void *own)
{
    if (own)
        done(own);
    tca_free(own);
}

const struct tca_maker tca_census_maker = {begin_census, take_flow,   join_censuses,
                                           end_census,   done_census, true};

/* ---- asked for ---- */

int tca_census_until(struct tca_session *s, int64_t until_ns, struct tca_census **ret_census)
{
    return make(s, until_ns, NULL, ret_census);
}

int tca_census_of(struct tca_session *s, struct tca_census **ret_census)
{
    int error = s->census ? TCA_OK : tca_census_until(s, INT64_MIN, &s->census);
    if (!error)
        *ret_census = s->census;
    return error;
}

/* ---- of listeners ---- */

#ifdef TCA_CHECK_WAYS
/* The highest counts are those of the whole census. */
static int check(struct tca_session *s)
{
    struct tca_census *all;
    int error = make(s, INT64_MIN, NULL, &all);
    for (size_t at = 0; !error && at < tca_swept_listeners(s); at++)
        for (int state = 0; state < TCA_STATE_COUNT; state++) {
            struct tca_listener room;
            const struct tca_listener *l = tca_swept_listener(s, at, &room);
            struct tca_peak a = tca_census_peak(s->served, l->capture, l->addr, l->port,
                                                (enum tca_state)state),
                            b = tca_census_peak(all, l->capture, l->addr, l->port, (enum tca_state)state);
            if (a.count != b.count || (a.count && a.at_ns != b.at_ns))
                abort();
        }
    if (!error)
        tca_census_free(all);
    return error;
}
#else
static int check(struct tca_session *s)
{
    (void)s;
    return TCA_OK;
}
#endif

/* A socket is told by its own end, and by others of its own tuple: of clients only those count that have an address and a
 * port at which somebody serves. Where one connection has several rows that is not to be seen from one capture's listeners. */
int tca_census_of_listeners(struct tca_session *s, struct tca_census **ret_census)
{
    bool alone = s->capture_count == 1 && !tca_nats_any(s->nats);
    if (s->census || !alone)
        return tca_census_of(s, ret_census);
    int error = TCA_OK;
    if (!s->served) {
        error = make(s, INT64_MIN, tca_swept_of(s, 1)->sweep, &s->served);
        error = error ? error : check(s);
    }
    if (!error)
        *ret_census = s->served;
    return error;
}
