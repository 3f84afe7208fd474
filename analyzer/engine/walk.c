/* SPDX-License-Identifier: MIT
 *
 * Walks over dossiers in row order: settled, judged, told. They are pure: each gives the same however often it is made.
 *
 * Where the session has several threads, what is a matter of one flow alone (decoding it, its clocks, its judges, its row) is
 * done for many flows side by side, and what is not in row order: so how many threads there are changes no byte.
 */
#include "base/alloc.h"
#include "classify/memory.h"
#include "engine/run.h"

#include <string.h>

static bool open_at_end(const struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        enum tca_state state = tca_side_state(&m->side[role]);
        bool over = state == TCA_CLOSED || state == TCA_LISTEN || state == TCA_TIME_WAIT;
        if (!over && m->side[role].pkts)
            return true;
    }
    return false;
}

/* For a connection that was finished early the capture ends there: nobody knows what became of it. */
static int64_t watched_until(const struct tca_session *s, const struct tca_dossier *d)
{
    int64_t end_ns = s->capture[d->capture - 1]->facts.end_ns;
    return d->cut_short && d->cut_ns < end_ns ? d->cut_ns : end_ns;
}

/* One clock may start the next (a refuted open, then its retransmissions): a few rounds settle all. */
enum { CLOCK_ROUNDS = 3 };

void tca_pass2_settle(const struct tca_session *s, struct tca_reading *reading, const void *item,
                      int64_t until_ns, struct tca_settled *ret)
{
    struct tca_dossier *d = &ret->d;
    tca_spool_get(s, reading, item, d);
    tca_nat_tell(s, d);
    d->capture_end_ns = watched_until(s, d);
    bool goes_on = until_ns > d->capture_end_ns && !d->cut_short;
    int64_t end_ns = d->m.end_ns >= 0 ? d->m.end_ns : goes_on ? until_ns : d->capture_end_ns;
    struct tca_limits limits[2];
    for (int role = 0; role < 2; role++) {
        ret->host[role] = tca_hosts_find(s->hosts, d->capture, d->addr[role]);
        d->host[role] = tca_hosts_number(s->hosts, ret->host[role]);
        limits[role] = tca_host_limits(ret->host[role]);
        limits[role].watched_ns = d->capture_end_ns;
    }
    for (int round = 0; round < CLOCK_ROUNDS && tca_mirror_clock_known(&d->m, limits, end_ns);)
        round++;
    if (d->m.end_ns < 0 && !d->cut_short && open_at_end(&d->m))
        d->m.damage |= TCA_DAMAGE_END_CUT;
    if (tca_alone_is_cut(s, d))
        d->m.damage |= TCA_DAMAGE_CUT_SHORT;
}

/* ---- several dossiers at a time ---- */

/* With one thread it is one at a time, which stays in the cache. */
enum { AT_ONCE = 64 };

/* Items of the sorter; several are copies. */
struct items {
    const void *item[AT_ONCE];
    struct tca_buf copy[AT_ONCE];
    unsigned count, room;
};

static unsigned at_once(const struct tca_session *s)
{
    return tca_crew_size(s->crew) > 1 ? AT_ONCE : 1;
}

static int take_item(struct items *items, const void *item, size_t size)
{
    unsigned at = items->count++;
    struct tca_buf *copy = &items->copy[at];
    items->item[at] = item;
    if (items->room == 1)
        return TCA_OK;
    tca_buf_reset(copy);
    tca_buf_add(copy, item, size);
    items->item[at] = copy->bytes;
    return copy->failed ? TCA_EMEMORY : TCA_OK;
}

static void items_done(struct items *items)
{
    for (unsigned at = 0; at < AT_ONCE; at++)
        tca_buf_done(&items->copy[at]);
}

struct settling {
    struct tca_session *s;
    struct items items;
    struct tca_reading reading[AT_ONCE];
    struct tca_settled *settled; /* owned */
    int64_t until_ns;
    tca_settled_fn *fn;
    void *user;
};

static void settle_some(void *user, unsigned task)
{
    struct settling *w = user;
    unsigned tasks = tca_crew_size(w->s->crew), count = w->items.count;
    unsigned from = count * task / tasks, to = count * (task + 1) / tasks;
    for (unsigned at = from; at < to; at++) {
        if (at > from)
            w->reading[at].stream = w->reading[at - 1].stream;
        tca_pass2_settle(w->s, &w->reading[at], w->items.item[at], w->until_ns, &w->settled[at]);
    }
}

static int settle_items(struct settling *w)
{
    unsigned count = w->items.count;
    tca_crew_run(w->s->crew, settle_some, w, tca_crew_size(w->s->crew));
    w->items.count = 0;
    return count ? w->fn(w->user, w->settled, count) : TCA_OK;
}

static int settle_item(void *user, const void *item, size_t size)
{
    struct settling *w = user;
    int error = take_item(&w->items, item, size);
    return error || w->items.count < w->items.room ? error : settle_items(w);
}

int tca_pass2_settle_all(struct tca_session *s, int64_t until_ns, tca_settled_fn *fn, void *user)
{
    struct settling *w = tca_alloc(sizeof *w);
    if (!w)
        return TCA_EMEMORY;
    *w = (struct settling){
        .s = s, .items = {.room = at_once(s)}, .until_ns = until_ns, .fn = fn, .user = user};
    w->settled = tca_grow(NULL, w->items.room, sizeof *w->settled);
    int error = w->settled ? tca_sorter_walk(s->dossiers, settle_item, w) : TCA_EMEMORY;
    if (!error)
        error = settle_items(w);
    items_done(&w->items);
    tca_free(w->settled);
    tca_free(w);
    return error;
}

/* ---- judged flows ---- */

static bool is_asked_for(const struct tca_settings *set, enum tca_finding_id id,
                         enum tca_confidence confidence)
{
    return confidence >= set->min_confidence && (!set->some_findings || set->wanted[id]);
}

bool tca_pass2_tells(const struct tca_session *s, const struct tca_incident *one)
{
    return is_asked_for(&s->set, one->id, one->confidence);
}

/* Drop what the user does not want to read. The handshake and the close stay, they are columns: but they are no verdict then. */
static void limit(const struct tca_settings *set, struct tca_verdict *v)
{
    unsigned kept = 2;
    int verdict = -1;
    for (unsigned at = 2; at < v->count; at++) {
        const struct tca_judgement *j = &v->judgement[at];
        if (!is_asked_for(set, j->id, j->confidence))
            continue;
        if (v->verdict == (int)at)
            verdict = (int)kept;
        v->judgement[kept++] = *j;
    }
    if (v->verdict >= 0 && v->verdict < 2 &&
        is_asked_for(set, v->judgement[v->verdict].id, v->judgement[v->verdict].confidence))
        verdict = v->verdict;
    v->count = (uint8_t)kept;
    v->verdict = verdict;
}

/* A flow with its verdict, and all that its view points to. */
struct judged {
    struct tca_reading reading;
    struct tca_memory memory;
    struct tca_settled settled;
    struct tca_case c;
    struct tca_verdict verdict;
    struct tca_flow_view view;
};

struct walk {
    const struct tca_session *s;
    tca_view_fn *fn;
    void *user;
    bool everything; /* whatever the user wants to read */
    struct judged judged;
};

/* What its hosts show, else its listener; as far as the TTLs allow. */
static enum tca_vantage vantage_of(const struct tca_session *s, const struct tca_case *c)
{
    if (s->set.vantage)
        return s->set.vantage;
    enum tca_vantage pair = tca_hosts_vantage(s->hosts, c->d);
    return tca_vantage_by_ttl(pair ? pair : c->listener->vantage, c->host[TCA_CLIENT], c->host[TCA_SERVER]);
}

/* One packet in so many is worth a doubt. */
static bool is_lossy(const struct tca_capture_facts *capture)
{
    enum { ONE_IN = 10000 };
    return capture->drops && capture->drops >= capture->packets / ONE_IN;
}

struct tca_case tca_pass2_case(const struct tca_session *s, const struct tca_settled *settled)
{
    const struct tca_dossier *d = &settled->d;
    struct tca_case c = {
        .d = d, .listener = tca_nat_listener(s, d), .host = {settled->host[0], settled->host[1]}};
    c.vantage = vantage_of(s, &c);
    c.twin = tca_twins_find(s->twins, d);
    c.again = tca_nat_again(s, d, c.twin);
    c.pressed = tca_pressure_find(s->pressure, d);
    c.lossy = is_lossy(&s->capture[d->capture - 1]->facts);
    return c;
}

static void judge(const struct tca_session *s, bool everything, const void *item, struct judged *j)
{
    tca_pass2_settle(s, &j->reading, item, INT64_MIN, &j->settled);
    j->c = tca_pass2_case(s, &j->settled);
    j->c.memory = &j->memory;
    tca_judge_flow(&j->c, &j->verdict);
    if (!everything)
        limit(&s->set, &j->verdict);
    j->view = (struct tca_flow_view){.c = &j->c,
                                     .v = &j->verdict,
                                     .capture = &s->capture[j->c.d->capture - 1]->facts,
                                     .time = s->set.time};
}

static int judge_item(void *user, const void *item, size_t size)
{
    struct walk *w = user;
    (void)size;
    judge(w->s, w->everything, item, &w->judged);
    return w->fn(w->user, &w->judged.view);
}

/* Several are judged side by side, and then told in their order. */
struct judging {
    const struct walk *walk;
    struct items items;
    struct judged *judged; /* owned */
};

static void judge_some(void *user, unsigned task)
{
    struct judging *g = user;
    unsigned tasks = tca_crew_size(g->walk->s->crew), count = g->items.count;
    unsigned from = count * task / tasks, to = count * (task + 1) / tasks;
    for (unsigned at = from; at < to; at++) {
        if (at > from)
            g->judged[at].reading.stream = g->judged[at - 1].reading.stream;
        judge(g->walk->s, g->walk->everything, g->items.item[at], &g->judged[at]);
    }
}

static int tell_judged(struct judging *g)
{
    const struct walk *w = g->walk;
    int stop = TCA_OK;
    tca_crew_run(w->s->crew, judge_some, g, tca_crew_size(w->s->crew));
    for (unsigned at = 0; at < g->items.count && !stop; at++)
        stop = w->fn(w->user, &g->judged[at].view);
    g->items.count = 0;
    return stop;
}

static int judge_later(void *user, const void *item, size_t size)
{
    struct judging *g = user;
    int error = take_item(&g->items, item, size);
    return error || g->items.count < g->items.room ? error : tell_judged(g);
}

static int walk_several(const struct walk *w)
{
    struct judging *g = tca_alloc(sizeof *g);
    struct judged *judged = tca_alloc(AT_ONCE * sizeof *judged);
    int error = g && judged ? TCA_OK : TCA_EMEMORY;
    if (!error) {
        *g = (struct judging){.walk = w, .items = {.room = AT_ONCE}, .judged = judged};
        error = tca_sorter_walk(w->s->dossiers, judge_later, g);
    }
    if (!error)
        error = tell_judged(g);
    if (g)
        items_done(&g->items);
    tca_free(judged);
    tca_free(g);
    return error;
}

static int walk(struct walk *w)
{
    if (at_once(w->s) > 1)
        return walk_several(w);
    return tca_sorter_walk(w->s->dossiers, judge_item, w);
}

int tca_pass2_walk(struct tca_session *s, tca_view_fn *fn, void *user)
{
    return walk(&(struct walk){.s = s, .fn = fn, .user = user});
}

int tca_pass2_walk_all(struct tca_session *s, tca_view_fn *fn, void *user)
{
    return walk(&(struct walk){.s = s, .fn = fn, .user = user, .everything = true});
}

/* ---- told by several threads ---- */

enum { BLOCK_FLOWS = 128, PARTS_EACH = 2 };

/* A block of dossiers: the items of the sorter, one behind the other, each aligned. */
struct block {
    struct walk walk;
    struct tca_buf items;
    size_t size[BLOCK_FLOWS];
    unsigned count;
    int error;
};

struct sharing {
    struct tca_session *s;
    struct block *block; /* owned; parts of them */
    unsigned parts, filling;
    tca_join_fn *join;
    void *user;
};

static size_t aligned(size_t size)
{
    return (size + 7) / 8 * 8;
}

static void judge_block(void *user, unsigned task)
{
    struct block *b = &((struct sharing *)user)->block[task];
    const char *item = b->items.bytes;
    b->error = TCA_OK;
    for (unsigned at = 0; at < b->count && !b->error; item += aligned(b->size[at]), at++)
        b->error = judge_item(&b->walk, item, b->size[at]);
}

/* All blocks that have been filled; then they are empty. */
static int judge_blocks(struct sharing *share)
{
    unsigned blocks = share->filling + (share->filling < share->parts && share->block[share->filling].count);
    int error = TCA_OK;
    tca_crew_run(share->s->crew, judge_block, share, blocks);
    for (unsigned at = 0; at < blocks; at++) {
        struct block *b = &share->block[at];
        int joined = error ? error : share->join(share->user, b->walk.user);
        error = joined ? joined : b->error;
        b->count = 0;
        tca_buf_reset(&b->items);
    }
    share->filling = 0;
    return error;
}

static int fill_block(void *user, const void *item, size_t size)
{
    struct sharing *share = user;
    struct block *b = &share->block[share->filling];
    char *room = tca_buf_room(&b->items, aligned(size));
    if (!room)
        return TCA_EMEMORY;
    memcpy(room, item, size);
    b->items.used += aligned(size);
    b->size[b->count++] = size;
    share->filling += b->count == BLOCK_FLOWS;
    return share->filling == share->parts ? judge_blocks(share) : TCA_OK;
}

unsigned tca_pass2_parts(const struct tca_session *s)
{
    return PARTS_EACH * tca_crew_size(s->crew);
}

int tca_pass2_share(struct tca_session *s, tca_view_fn *fn, void *const *part, tca_join_fn *join, void *user)
{
    struct sharing share = {.s = s, .parts = tca_pass2_parts(s), .join = join, .user = user};
    share.block = tca_alloc(share.parts * sizeof *share.block);
    if (!share.block)
        return TCA_EMEMORY;
    for (unsigned at = 0; at < share.parts; at++)
        share.block[at].walk = (struct walk){.s = s, .fn = fn, .user = part[at]};
    int error = tca_sorter_walk(s->dossiers, fill_block, &share);
    if (!error)
        error = judge_blocks(&share);
    for (unsigned at = 0; at < share.parts; at++)
        tca_buf_done(&share.block[at].items);
    tca_free(share.block);
    return error;
}
