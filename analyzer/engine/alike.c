/* SPDX-License-Identifier: MIT
 *
 * SYNs that are judged alike. Of a flood each SYN is another flow, and each would be judged by itself, though what is said of all of
 * them is the same: what their verdicts depend on is a few facts of their kind (lone.c), their listener, their source and how much of
 * the capture was left; all else in them moves with their numbers. So of each such class one is judged plainly, and one with other
 * numbers; where the two differ by what a number differs, that number stands (numbers.h). Of the next ones only these are written:
 *
 *      SYN of a class met before:  it, and one with other numbers, judged --> where do settled dossier and verdict differ?
 *                                      by what a number differs:   its place --> class: the rest, and the places
 *                                      anything else:              it is judged plainly
 *      the next ones:              --> class + numbers = settled, judged
 *
 * What a class is made of stands in struct traits, compared as bytes. Time decides by limits alone: how long nothing came back is
 * told by the time left until the capture ends, so what was the same for two is the same for whatever lies between them. A
 * class holds for such a range, which is widened by asking ahead: one with less time left is judged, and if that is what the class says,
 * all before it need not be. What depends on a moment otherwise has no classes: listeners whose queue was full at some time, series with gaps.
 * Nor have runs with several captures or known settings, where rows depend on more.
 *
 * A build with check_ways judges each of them plainly as well and stops where a byte differs.
 */
#include "engine/alike.h"

#include "base/alloc.h"
#include "engine/lone.h"
#include "engine/numbers.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    CLASS_BITS = 4, /* two to this are remembered */
    CLASSES = 1 << CLASS_BITS,
    SEEN_BITS = 6, /* ... of which one was met */
    TOLD_MAX = 6   /* judgements of one */
};

/* The first range asked ahead. */
static const int64_t STEP_NS = INT64_C(1000000);

/* ---- what a class is told by ---- */

/* Of a host what judges may ask for. */
struct source {
    uint32_t os, echo, clock;
    uint8_t os_marks;
    bool ids_tell, heard, both_ways, unheard, local, peers_local, routed;
};

/* Zeros between. */
struct traits {
    struct tca_pressed pressed;
    struct source client;
    uint8_t server[16];
    uint32_t capture;
    uint16_t model, port;
    uint8_t vantage, family;
    uint8_t odd; /* numbers that are none */
    bool cut;    /* it may be cut short */
};

static struct source source_of(const struct tca_host *host)
{
    return (struct source){.os = host->os,
                           .echo = host->echo,
                           .clock = host->clock,
                           .os_marks = host->os_marks,
                           .ids_tell = host->ids_tell,
                           .heard = host->heard,
                           .both_ways = host->both_ways,
                           .unheard = host->unheard,
                           .local = host->local,
                           .peers_local = host->peers_local,
                           .routed = host->routed};
}

/* One SYN. */
struct asked {
    struct tca_lone_syn syn;
    struct traits traits;
    int64_t left;
    const struct tca_host *client;
    uint32_t client_host;
    const struct tca_pressed *pressed;
};

/* ---- classes ---- */

/* What is made of one. Pointers are NULL. */
struct whole {
    struct tca_dossier d; /* without what is set for each: client, its host, stream */
    struct tca_mark syn;
    struct tca_judgement told[TOLD_MAX];
};
_Static_assert(sizeof(struct whole) % 8 == 0 && offsetof(struct whole, syn) % 8 == 0, "searched by words");

/* Where a number stands in what was judged, and what is to be added to it. */
enum { DOSSIER, SYN, TOLD, PARTS };
struct spot {
    uint64_t rest;
    uint8_t part;
    uint16_t at;
};

struct tca_alike {
    struct traits traits;
    bool known;
    struct tca_alikes *all; /* whose it is */
    uint64_t state;         /* another one whenever it is learnt anew */
    int64_t least, most;    /* left of those for which it holds */
    int64_t step;           /* so much is asked ahead */
    uint32_t facts;
    uint8_t count; /* of judgements */
    int verdict;
    struct tca_case c;
    const struct tca_host *server;
    struct tca_judged judged;                              /* the one that was told last */
    struct spot spot[TCA_NUMBERS_JUDGED * TCA_PLACES_MAX]; /* the places, by number */
    uint16_t behind[TCA_NUMBERS_JUDGED];                   /* of each number: so many end with it */
    struct whole rest;
    uint16_t place[TCA_NUMBERS_JUDGED][TCA_PLACES_MAX];
    uint8_t places[TCA_NUMBERS_JUDGED];
};

struct tca_alikes {
    struct tca_judging how;
    bool none; /* rows of this run depend on more */
    uint64_t states;
    uint64_t seen[1 << SEEN_BITS]; /* hashes of traits that were met */
    struct tca_alike class[CLASSES];
    /* The listener of the SYN before. */
    struct tca_settled near;
    const struct tca_listener *listener;
    /* Scratch. */
    struct tca_judged one, other;
    struct whole whole[2];
};

int tca_alikes_new(const struct tca_judging *how, unsigned part, struct tca_alikes **ret_alikes)
{
    struct tca_alikes *all = tca_alloc(sizeof *all);
    if (!all)
        return TCA_EMEMORY;
    enum { STATE_BITS = 48 };
    all->how = *how;
    all->states = (uint64_t)part << STATE_BITS;
    all->none = how->s->twins || how->s->set.known.count;
    *ret_alikes = all;
    return TCA_OK;
}

void tca_alikes_free(struct tca_alikes *all)
{
    tca_free(all);
}

/* ---- one SYN ---- */

static int64_t end_of(const struct tca_alikes *all, uint32_t capture)
{
    return all->how.s->capture[capture - 1]->facts.end_ns;
}

/* Its server's end, which is mostly that of the SYN before. */
static void find_server(struct tca_alikes *all, const struct tca_lone_syn *syn)
{
    const struct tca_session *s = all->how.s;
    struct tca_dossier *d = &all->near.d;
    if (all->listener && d->capture == syn->capture && d->port[TCA_SERVER] == syn->port[TCA_SERVER] &&
        !memcmp(d->addr[TCA_SERVER], syn->addr[TCA_SERVER], sizeof d->addr[TCA_SERVER]))
        return;
    d->capture = syn->capture;
    d->port[TCA_SERVER] = syn->port[TCA_SERVER];
    memcpy(d->addr[TCA_SERVER], syn->addr[TCA_SERVER], sizeof d->addr[TCA_SERVER]);
    const struct tca_swept *swept = tca_swept_of(s, syn->capture);
    all->near.host[TCA_SERVER] = tca_hosts_find(swept->hosts, syn->capture, syn->addr[TCA_SERVER]);
    d->host[TCA_SERVER] = tca_hosts_number(swept->hosts, all->near.host[TCA_SERVER]);
    all->listener = tca_sweep_find(swept->sweep, d, &all->near.room);
}

static unsigned odd_of(const struct tca_lone_syn *syn)
{
    return (unsigned)(syn->window == 0) | (unsigned)(syn->ip_id == 0) << 1 |
           (unsigned)(syn->tsval == 0) << 2 | (unsigned)tca_is_first_ttl(syn->ttl) << 3;
}

/* False: it has no class. */
static bool read_asked(struct tca_alikes *all, const void *item, struct asked *a)
{
    const struct tca_session *s = all->how.s;
    struct tca_lone_syn *syn = &a->syn;
    if (all->none || !tca_lone_peek(item, syn) || s->capture[syn->capture - 1]->files ||
        tca_nats_find(s->nats, syn->capture, syn->frame))
        return false;
    find_server(all, syn);
    if (all->listener->episode_count)
        return false;
    const struct tca_alone_row row = {syn->time_ns, syn->frame, syn->capture};
    struct tca_dossier *d = &all->near.d;
    a->left = end_of(all, syn->capture) - syn->time_ns;
    const struct tca_swept *swept = tca_swept_of(s, syn->capture);
    a->client = all->near.host[TCA_CLIENT] =
        tca_hosts_find(swept->hosts, syn->capture, syn->addr[TCA_CLIENT]);
    a->client_host = d->host[TCA_CLIENT] = tca_hosts_number(swept->hosts, a->client);
    d->id_frame = d->m.first_frame = syn->frame;
    a->pressed = tca_pressure_find(swept->pressure, d);
    memset(&a->traits, 0, sizeof a->traits);
    a->traits.pressed = *a->pressed;
    a->traits.client = source_of(a->client);
    memcpy(a->traits.server, syn->addr[TCA_SERVER], sizeof a->traits.server);
    a->traits.capture = syn->capture;
    a->traits.model = syn->model;
    a->traits.port = syn->port[TCA_SERVER];
    a->traits.vantage = (uint8_t)tca_pair_vantage(s, &all->near, all->listener);
    a->traits.family = syn->family;
    a->traits.odd = (uint8_t)odd_of(syn);
    a->traits.cut = tca_alone_row_is_cut(s, &row);
    return true;
}

static void read_numbers(const struct asked *a, uint64_t number[TCA_NUMBERS_JUDGED])
{
    number[TCA_NUMBER_TIME] = (uint64_t)a->syn.time_ns;
    number[TCA_NUMBER_FRAME] = a->syn.frame;
    number[TCA_NUMBER_SEQ] = a->syn.seq;
    number[TCA_NUMBER_TSVAL] = a->syn.tsval;
    number[TCA_NUMBER_IP_ID] = a->syn.ip_id;
    number[TCA_NUMBER_WINDOW] = a->syn.window;
    number[TCA_NUMBER_TTL] = a->syn.ttl;
    number[TCA_NUMBER_LEFT] = (uint64_t)a->left;
}

/* ---- what was made of one, and what a class makes of it ---- */

/* Without what is set for each. False: there is more than a class holds. */
static bool read_whole(const struct tca_judged *j, struct whole *ret)
{
    const struct tca_verdict *v = &j->verdict;
    struct tca_dossier *d = &ret->d;
    memset(ret, 0, sizeof *ret);
    if (v->count > TOLD_MAX)
        return false;
    memcpy(d, &j->settled.d, sizeof *d);
    memcpy(&ret->syn, &j->reading.syn, sizeof ret->syn);
    for (unsigned at = 0; at < v->count; at++) {
        const struct tca_judgement *from = &v->judgement[at];
        struct tca_judgement *to = &ret->told[at];
        memcpy(to, from, offsetof(struct tca_judgement, frame));
        memcpy(to->frame, from->frame, from->frame_count * sizeof *to->frame);
    }
    d->mark = NULL;
    memset(d->addr[TCA_CLIENT], 0, sizeof d->addr[TCA_CLIENT]);
    d->port[TCA_CLIENT] = 0;
    d->host[TCA_CLIENT] = 0;
    d->tcp_stream = 0;
    d->completeness = 0;
    return true;
}

/* In what a judged one consists of. */
static void find_spots(struct tca_alike *k)
{
    static const size_t begin[PARTS + 1] = {
        [DOSSIER] = 0, [SYN] = offsetof(struct whole, syn), [TOLD] = offsetof(struct whole, told), SIZE_MAX};
    unsigned used = 0;
    for (unsigned number = 0; number < TCA_NUMBERS_JUDGED; number++) {
        for (unsigned at = 0; at < k->places[number]; at++) {
            size_t place = k->place[number][at];
            unsigned part = place < begin[SYN] ? DOSSIER : place < begin[TOLD] ? SYN : TOLD;
            k->spot[used++] = (struct spot){
                .rest = tca_number_load((const uint8_t *)&k->rest + place, tca_number_width[number]),
                .part = (uint8_t)part,
                .at = (uint16_t)(place - begin[part])};
        }
        k->behind[number] = (uint16_t)used;
    }
}

/* With a number of bytes that is known where it is compiled. Returns the next number's first spot. */
static inline const struct spot *put_each(const struct spot *spot, const struct tca_alike *k,
                                          uint8_t *const part[PARTS], enum tca_number number, uint64_t value,
                                          unsigned bytes)
{
    for (const struct spot *end = k->spot + k->behind[number]; spot < end; spot++)
        tca_number_store(part[spot->part] + spot->at, spot->rest + value, bytes);
    return spot;
}

static void put_numbers(const struct tca_alike *k, const struct asked *a, struct tca_judged *j)
{
    const struct tca_lone_syn *syn = &a->syn;
    uint8_t *const part[PARTS] = {(void *)&j->settled.d, (void *)&j->reading.syn,
                                  (void *)j->verdict.judgement};
    const struct spot *spot = put_each(k->spot, k, part, TCA_NUMBER_TIME, (uint64_t)syn->time_ns, 8);
    spot = put_each(spot, k, part, TCA_NUMBER_FRAME, syn->frame, 8);
    spot = put_each(spot, k, part, TCA_NUMBER_SEQ, syn->seq, 4);
    spot = put_each(spot, k, part, TCA_NUMBER_TSVAL, syn->tsval, 4);
    spot = put_each(spot, k, part, TCA_NUMBER_IP_ID, syn->ip_id, 2);
    spot = put_each(spot, k, part, TCA_NUMBER_WINDOW, syn->window, 2);
    spot = put_each(spot, k, part, TCA_NUMBER_TTL, syn->ttl, 1);
    put_each(spot, k, part, TCA_NUMBER_LEFT, (uint64_t)a->left, 8);
}

static const struct tca_flow_view *show_other(void *user);

/* All of it that is the same for its class. */
static void put_rest(const struct tca_alike *k, struct tca_judged *j)
{
    memcpy(&j->settled.d, &k->rest.d, sizeof j->settled.d);
    memcpy(&j->reading.syn, &k->rest.syn, sizeof j->reading.syn);
    memcpy(j->verdict.judgement, k->rest.told, k->count * sizeof *k->rest.told);
    j->verdict.count = k->count;
    j->verdict.verdict = k->verdict;
    j->settled.host[TCA_SERVER] = k->server;
    j->c = k->c;
    j->c.d = &j->settled.d;
    j->c.memory = &j->memory;
    j->like = k;
    j->likeness = k->state;
    j->kin = (struct tca_flow_kin){.number = k->state, .other = show_other, .user = j};
}

static void put(const struct tca_alikes *all, const struct tca_alike *k, const struct asked *a,
                struct tca_judged *j)
{
    const struct tca_session *s = all->how.s;
    const struct tca_lone_syn *syn = &j->syn;
    struct tca_dossier *d = &j->settled.d;
    j->syn = a->syn;
    if (j->like != k || j->likeness != k->state)
        put_rest(k, j);
    put_numbers(k, a, j);
    d->mark = &j->reading.syn;
    memcpy(d->addr[TCA_CLIENT], syn->addr[TCA_CLIENT], sizeof d->addr[TCA_CLIENT]);
    d->port[TCA_CLIENT] = syn->port[TCA_CLIENT];
    d->host[TCA_CLIENT] = a->client_host;
    j->settled.host[TCA_CLIENT] = j->c.host[TCA_CLIENT] = a->client;
    j->c.pressed = a->pressed;
    tca_streams_tell(s->streams, &j->reading.stream, d);
    tca_memory_begin(&j->memory, k->facts);
    j->view = (struct tca_flow_view){.c = &j->c,
                                     .v = &j->verdict,
                                     .capture = &s->capture[syn->capture - 1]->facts,
                                     .time = s->set.time,
                                     .kin = &j->kin};
}

/* One of the same class with other numbers, as long as these say nothing by themselves: distances that no others have. */
static struct asked other_of(const struct asked *a)
{
    struct asked other = *a;
    struct tca_lone_syn *syn = &other.syn;
    const int64_t sooner_ns = 74565;
    const uint32_t far = 0x13579bdf;
    syn->time_ns -= sooner_ns;
    other.left += sooner_ns;
    syn->frame += 0x0badcafe;
    syn->seq = syn->seq & (UINT32_C(1) << 31) ? syn->seq - far : syn->seq + far;
    syn->tsval = !syn->tsval ? 0 : syn->tsval ^ 0x2468ace1 ? syn->tsval ^ 0x2468ace1 : 1;
    syn->ip_id = !syn->ip_id ? 0 : syn->ip_id ^ 0x1a2b ? syn->ip_id ^ 0x1a2b : 1;
    syn->window = !syn->window ? 0 : syn->window ^ 0x3c4d ? syn->window ^ 0x3c4d : 1;
    if (tca_is_first_ttl(syn->ttl))
        syn->ttl = syn->ttl == 64 ? 128 : 64;
    else
        syn->ttl = syn->ttl == 77 ? 99 : 77;
    return other;
}

/* One of the class of what was made of this one, of which every number that is each one's own is another: with another sender and
 * another stream. */
static const struct tca_flow_view *show_other(void *user)
{
    const struct tca_judged *j = user;
    const struct tca_alike *k = j->like;
    struct tca_alikes *all = k->all;
    struct tca_dossier *d = &all->other.settled.d;
    const struct asked shown = {.syn = j->syn,
                                .left = end_of(all, j->syn.capture) - j->syn.time_ns,
                                .client = j->c.host[TCA_CLIENT],
                                .client_host = j->settled.d.host[TCA_CLIENT],
                                .pressed = j->c.pressed};
    if (k->state != j->likeness)
        return NULL;
    struct asked other = other_of(&shown);
    for (unsigned at = 0; at < sizeof other.syn.addr[TCA_CLIENT]; at++)
        other.syn.addr[TCA_CLIENT][at] ^= 0x55;
    other.syn.port[TCA_CLIENT] ^= 0x55;
    put(all, k, &other, &all->other);
    d->tcp_stream = j->settled.d.tcp_stream ^ 1;
    d->completeness = j->settled.d.completeness ^ 1;
    return &all->other.view;
}

/* ---- learning ---- */

/* Judged plainly, with what the attempts of others show of the one that is asked for. */
static void judge_plainly(struct tca_alikes *all, const struct asked *a, struct tca_judged *j)
{
    uint64_t item[TCA_LONE_ITEM_MAX / sizeof(uint64_t)];
    tca_lone_write(&a->syn, item);
    j->like = NULL;
    tca_pass2_settle(all->how.s, &j->reading, item, INT64_MIN, &j->settled);
    tca_judge_settled(&all->how, a->pressed, j);
}

static bool is_class(const struct tca_alike *k, const struct tca_judged *j)
{
    return k->count == j->verdict.count && k->verdict == j->verdict.verdict && k->facts == j->memory.facts &&
           k->c.listener == j->c.listener && k->c.vantage == j->c.vantage && k->c.lossy == j->c.lossy &&
           k->server == j->settled.host[TCA_SERVER] && !j->c.twin && !j->c.again;
}

/* Both were judged: is this a class? */
static bool find_places(struct tca_alikes *all, const struct asked *a, const struct asked *other,
                        struct tca_alike *k)
{
    uint64_t number[TCA_NUMBERS_JUDGED], other_number[TCA_NUMBERS_JUDGED];
    const struct tca_placing placing = {.one = (void *)&k->rest,
                                        .other = (const void *)&all->whole[1],
                                        .size = sizeof k->rest,
                                        .numbers = TCA_NUMBERS_JUDGED,
                                        .number = number,
                                        .other_number = other_number,
                                        .place = k->place,
                                        .places = k->places};
    read_numbers(a, number);
    read_numbers(other, other_number);
    return read_whole(&all->one, &k->rest) && read_whole(&all->other, &all->whole[1]) &&
           is_class(k, &all->other) && tca_numbers_place(&placing);
}

static void learn(struct tca_alikes *all, const struct asked *a, struct tca_alike *k)
{
    const struct asked other = other_of(a);
    judge_plainly(all, a, &all->one);
    judge_plainly(all, &other, &all->other);
    memset(k, 0, sizeof *k);
    k->all = all;
    k->traits = a->traits;
    k->state = ++all->states;
    k->least = a->left;
    k->most = other.left;
    k->step = STEP_NS;
    k->facts = all->one.memory.facts;
    k->count = all->one.verdict.count;
    k->verdict = all->one.verdict.verdict;
    k->c = all->one.c;
    k->server = all->one.settled.host[TCA_SERVER];
    k->known = is_class(k, &all->one) && find_places(all, a, &other, k);
    find_spots(k);
}

/* ---- for how much time left it holds ---- */

/* What the class says of this one, and what is so. */
static bool agrees(struct tca_alikes *all, const struct tca_alike *k, const struct asked *a)
{
    judge_plainly(all, a, &all->one);
    put(all, k, a, &all->other);
    return is_class(k, &all->one) && read_whole(&all->one, &all->whole[0]) &&
           read_whole(&all->other, &all->whole[1]) &&
           !memcmp(&all->whole[0], &all->whole[1], sizeof all->whole[0]);
}

static bool reaches(struct tca_alikes *all, struct tca_alike *k, const struct asked *a, int64_t left)
{
    struct asked ahead = *a;
    ahead.left = left > 0 ? left : 0;
    ahead.syn.time_ns += a->left - ahead.left;
    if (!agrees(all, k, &ahead))
        return false;
    k->least = ahead.left;
    return true;
}

/* False: it is another class from here on. */
static bool widen(struct tca_alikes *all, struct tca_alike *k, const struct asked *a)
{
    if (a->left < k->least && reaches(all, k, a, a->left - k->step)) {
        k->step = 2 * k->step + 1; /* it may have been none */
        return true;
    }
    k->step /= 4;
    if (!agrees(all, k, a))
        return false;
    k->least = a->left < k->least ? a->left : k->least;
    k->most = a->left > k->most ? a->left : k->most;
    return true;
}

/* ---- asked ---- */

/* Its class; NULL: it has none, or none yet. */
static struct tca_alike *class_of(struct tca_alikes *all, const struct asked *a)
{
    uint64_t hash = XXH3_64bits(&a->traits, sizeof a->traits);
    struct tca_alike *k = &all->class[hash % CLASSES];
    uint64_t *seen = &all->seen[hash >> (64 - SEEN_BITS)];
    if (!k->known || memcmp(&k->traits, &a->traits, sizeof k->traits) != 0) {
        bool again = *seen == hash;
        *seen = again ? 0 : hash;
        if (again)
            learn(all, a, k);
        return again && k->known ? k : NULL;
    }
    if (a->left >= k->least && a->left <= k->most)
        return k;
    k->known = widen(all, k, a);
    return k->known ? k : NULL;
}

#ifdef TCA_CHECK_WAYS
static void check(struct tca_alikes *all, const struct tca_alike *k, const void *item,
                  const struct tca_judged *j)
{
    struct tca_judged *plain = &all->one;
    tca_judge_item(&all->how, item, plain);
    const struct tca_dossier *d = &plain->settled.d, *told = &j->settled.d;
    bool same = is_class(k, plain) && read_whole(plain, &all->whole[0]) && read_whole(j, &all->whole[1]) &&
                !memcmp(&all->whole[0], &all->whole[1], sizeof all->whole[0]) &&
                !memcmp(d->addr, told->addr, sizeof d->addr) &&
                !memcmp(d->port, told->port, sizeof d->port) &&
                !memcmp(d->host, told->host, sizeof d->host) && d->tcp_stream == told->tcp_stream &&
                d->completeness == told->completeness && plain->c.pressed == j->c.pressed &&
                plain->c.host[TCA_CLIENT] == j->c.host[TCA_CLIENT] &&
                plain->c.host[TCA_SERVER] == j->c.host[TCA_SERVER];
    if (!same)
        abort();
}
#else
static void check(struct tca_alikes *all, const struct tca_alike *k, const void *item,
                  const struct tca_judged *j)
{
    (void)all, (void)k, (void)item, (void)j;
}
#endif

/* j NULL: to that of the class. */
static struct tca_judged *judge(struct tca_alikes *all, const void *item, struct tca_judged *j)
{
    struct asked a;
    struct tca_alike *k = read_asked(all, item, &a) ? class_of(all, &a) : NULL;
    if (!k)
        return NULL;
    j = j ? j : &k->judged;
    put(all, k, &a, j);
    check(all, k, item, j);
    return j;
}

const struct tca_judged *tca_alikes_tell(struct tca_alikes *all, const void *item, struct tca_judged *j)
{
    const struct tca_judged *told = judge(all, item, NULL);
    if (!told)
        tca_judge_item(&all->how, item, j);
    return told ? told : j;
}

void tca_alikes_judge(struct tca_alikes *all, const void *item, struct tca_judged *j)
{
    if (!judge(all, item, j))
        tca_judge_item(&all->how, item, j);
}
