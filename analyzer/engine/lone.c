/* SPDX-License-Identifier: MIT
 *
 * Flows that are one SYN, as floods and scans make them by the million. The dossiers of two such SYNs of one shape differ where a
 * few numbers of the SYN stand in them, and nowhere else. So only these numbers go to the spool, and a dossier is a copy
 * of a model into which they are written:
 *
 *      SYN of a new kind:  the SYN, and one with other numbers, through pass 1 --> where do the dossiers differ?
 *                              by what a number differs in the SYNs:   its place --> model: the rest, and the places
 *                              anything else:                          no SYN of this kind is told here
 *      the next ones:      --> item { model, numbers } --> model + numbers = dossier
 *
 * So no list of fields has to be kept: what moves with the SYN is found by experiment. What no two SYNs can show is where a number
 * decides something, since then it is not copied only; such numbers are another kind each (kind_of), or none (is_plain).
 * A build with check_ways takes each SYN through pass 1 and stops where its dossier is another one.
 *
 * Kinds are a shard's and a capture's, models are shared by all of a run. Where there are too many, flows are told as all are.
 */
#include "engine/lone.h"

#include "base/alloc.h"
#include "base/time_limit.h"
#include "engine/numbers.h"
#include "engine/sound.h"
#include "engine/spool.h"

#include <stdlib.h>
#include <tcpautopsy/error.h>

/* LOADED_MAX: with those out of parts. */
enum { MODELS_MAX = TCA_LONE_MODELS_MAX, LOADED_MAX = 4096 };

/* ---- the numbers of a SYN ---- */

static void read_numbers(const struct tca_segment *syn, uint64_t number[TCA_NUMBERS])
{
    number[TCA_NUMBER_TIME] = (uint64_t)syn->time_ns;
    number[TCA_NUMBER_FRAME] = syn->frame;
    number[TCA_NUMBER_SEQ] = syn->seq;
    number[TCA_NUMBER_TSVAL] = syn->opt.tsval;
    number[TCA_NUMBER_IP_ID] = syn->ip_id;
    number[TCA_NUMBER_WINDOW] = syn->window;
    number[TCA_NUMBER_TTL] = syn->ttl;
}

/* ---- kinds ---- */

enum { ODD_NUMBERS = 4, KINDS = TCA_SHAPES * 2 << ODD_NUMBERS, UNKNOWN = 0, NONE = UINT16_MAX };

struct tca_lone_kinds {
    uint16_t model[KINDS]; /* number of its model, from 1; or one of the above */
};

/* Zero says that there is none. */
static unsigned kind_of(const struct tca_segment *syn, int side, unsigned alike)
{
    unsigned odd = (syn->window == 0) | (syn->ip_id == 0) << 1 | (syn->opt.tsval == 0) << 2 |
                   tca_is_first_ttl(syn->ttl) << 3;
    return (alike * 2 + (unsigned)side) << ODD_NUMBERS | odd;
}

/* Its numbers pass no end of their kind, and are none that stands for something. */
static bool is_plain(const struct tca_segment *syn)
{
    const int64_t first_ns = INT64_C(1000000000);
    return syn->time_ns >= first_ns && (uint64_t)syn->seq + syn->len + 2 <= UINT32_MAX;
}

/* ---- models ---- */

/* What a dossier of such a flow consists of. */
struct whole {
    struct tca_dossier d; /* its pointers are NULL */
    struct tca_mark syn;
};

struct tca_lone_model {
    struct whole
        rest; /* with zeros for numbers, or what is to be added to them; likewise addresses, ports, capture */
    uint16_t place[TCA_NUMBERS][TCA_PLACES_MAX]; /* of each number: in the whole */
    uint8_t places[TCA_NUMBERS];
};
_Static_assert(sizeof(struct whole) <= UINT16_MAX && sizeof(struct whole) % 8 == 0,
               "places are found by words");

struct copying {
    struct tca_shard *shard;
    struct whole *whole;
    bool one_mark;
};

static int copy_flow(void *user, struct tca_flow *flow)
{
    struct copying *c = user;
    struct tca_dossier *d = &c->whole->d;
    int error = tca_mirror_finish(&c->shard->mirrors, (void *)flow->payload);
    if (!error)
        error = tca_spool_copy(c->shard, flow, d);
    if (error)
        return error;
    tca_dossier_index(d);
    c->one_mark = d->mark_count == 1 && tca_nat_is_first_syn(d->mark) && d->m.side[TCA_CLIENT].iss_known;
    c->whole->syn = d->mark[0];
    d->mark = NULL;
    d->m.trouble = NULL;
    d->m.marks = NULL;
    return TCA_OK;
}

/* What pass 1 makes of this SYN. *ret_fits false: more than a model can hold. */
static int make_whole(struct tca_shard *shard, const struct tca_segment *syn, int side, struct whole *ret,
                      bool *ret_fits)
{
    struct copying c = {.shard = shard, .whole = ret};
    memset(ret, 0, sizeof *ret);
    int error = tca_flow_imagine(shard->flows, syn, side, copy_flow, &c);
    *ret_fits = !error && c.one_mark;
    return error;
}

/* A SYN of the same kind all of whose numbers differ, but for those that are zero. */
static struct tca_segment other_syn(const struct tca_segment *syn)
{
    struct tca_segment other = *syn;
    const uint32_t far = 0x13579bdf;
    other.time_ns += INT64_C(0x1122334455667);
    other.frame += UINT64_C(0x0badcafe12345);
    other.seq = syn->seq & (UINT32_C(1) << 31) ? syn->seq - far : syn->seq + far;
    other.opt.tsval = !syn->opt.tsval ? 0 : syn->opt.tsval ^ 0x2468ace1 ? syn->opt.tsval ^ 0x2468ace1 : 1;
    other.ip_id = !syn->ip_id ? 0 : syn->ip_id ^ 0x1a2b ? syn->ip_id ^ 0x1a2b : 1;
    other.window = !syn->window ? 0 : syn->window ^ 0x3c4d ? syn->window ^ 0x3c4d : 1;
    if (tca_is_first_ttl(syn->ttl))
        other.ttl = syn->ttl == 64 ? 128 : 64;
    else
        other.ttl = syn->ttl == 77 ? 99 : 77;
    return other;
}

/* What is no number of the SYN itself. */
static void blank(struct whole *whole)
{
    struct tca_dossier *d = &whole->d;
    memset(d->addr, 0, sizeof d->addr);
    memset(d->port, 0, sizeof d->port);
    d->capture = 0;
}

/* *ret_fits false: this kind has no model. */
static int learn(struct tca_shard *shard, const struct tca_segment *syn, int side,
                 struct tca_lone_model *model, bool *ret_fits)
{
    struct whole whole;
    const struct tca_segment other = other_syn(syn);
    uint64_t number[TCA_NUMBERS], other_number[TCA_NUMBERS];
    const struct tca_placing placing = {.one = (void *)&model->rest,
                                        .other = (const void *)&whole,
                                        .size = sizeof whole,
                                        .numbers = TCA_NUMBERS,
                                        .number = number,
                                        .other_number = other_number,
                                        .place = model->place,
                                        .places = model->places};
    int error = make_whole(shard, &other, side, &whole, ret_fits);
    if (!error && *ret_fits)
        error = make_whole(shard, syn, side, &model->rest, ret_fits);
    if (error || !*ret_fits)
        return error;
    read_numbers(syn, number);
    read_numbers(&other, other_number);
    blank(&whole);
    blank(&model->rest);
    *ret_fits = tca_numbers_place(&placing);
    return TCA_OK;
}

static bool are_equal(const struct tca_lone_model *one, const struct tca_lone_model *other)
{
    return !memcmp(one->places, other->places, sizeof one->places) &&
           !memcmp(one->place, other->place, sizeof one->place) &&
           !memcmp(&one->rest, &other->rest, sizeof one->rest);
}

/* Its number from 1, NONE if there are `most` already. What is like another one is that one. */
static int share(struct tca_lone_models *all, unsigned most, const struct tca_lone_model *model,
                 uint16_t *ret_number)
{
    *ret_number = NONE;
    for (unsigned at = 0; at < all->count; at++)
        if (are_equal(all->list[at], model)) {
            *ret_number = (uint16_t)(at + 1);
            return TCA_OK;
        }
    if (!all->list)
        all->list = tca_alloc(LOADED_MAX * sizeof *all->list); /* never moved: others read it meanwhile */
    if (!all->list)
        return TCA_EMEMORY;
    if (all->count >= most)
        return TCA_OK;
    struct tca_lone_model *kept = tca_alloc(sizeof *kept);
    if (!kept)
        return TCA_EMEMORY;
    *kept = *model;
    all->list[all->count] = kept;
    *ret_number = (uint16_t)++all->count;
    return TCA_OK;
}

static int new_kind(struct tca_shard *shard, const struct tca_segment *syn, int side, uint16_t *ret_number)
{
    struct tca_session *s = shard->s;
    struct tca_lone_model *model = tca_alloc(sizeof *model);
    bool fits = false;
    int error = model ? learn(shard, syn, side, model, &fits) : TCA_EMEMORY;
    *ret_number = NONE;
    if (!error && fits) {
        pthread_mutex_lock(&s->lock);
        error = share(&s->models, MODELS_MAX, model, ret_number);
        pthread_mutex_unlock(&s->lock);
    }
    tca_free(model);
    return error;
}

void tca_lone_done(struct tca_session *s)
{
    while (s->models.count)
        tca_free(s->models.list[--s->models.count]);
    tca_free(s->models.list);
}

/* ---- items ---- */

/* As it stands in the spool. Addresses end it, of IPv4 without what they have in common. */
enum { MAPPED = 12 };
struct item {
    struct tca_spool_head head; /* no areas */
    int64_t time_ns;
    uint64_t frame;
    uint32_t seq, tsval;
    uint16_t ip_id, window;
    uint16_t port[2];
    uint8_t ttl, family;
    uint8_t addr[2][16];
};

static const uint8_t mapped[MAPPED] = {[MAPPED - 2] = 0xff, 0xff};

static size_t address_size(unsigned family)
{
    return family == 4 ? 16 - MAPPED : 16;
}

_Static_assert(sizeof(struct item) <= TCA_LONE_ITEM_MAX, "room for an item");

static struct tca_lone_syn lone_of(const struct tca_segment *syn, uint32_t capture, uint16_t model)
{
    struct tca_lone_syn one = {.time_ns = syn->time_ns,
                               .frame = syn->frame,
                               .capture = capture,
                               .seq = syn->seq,
                               .tsval = syn->opt.tsval,
                               .ip_id = syn->ip_id,
                               .window = syn->window,
                               .port = {syn->sport, syn->dport},
                               .model = model,
                               .ttl = syn->ttl,
                               .family = syn->family};
    memcpy(one.addr[0], syn->src, sizeof one.addr[0]);
    memcpy(one.addr[1], syn->dst, sizeof one.addr[1]);
    return one;
}

size_t tca_lone_write(const struct tca_lone_syn *one, void *room)
{
    struct item *item = room;
    size_t size = address_size(one->family);
    *item = (struct item){.head = {.number = one->model, .capture = one->capture},
                          .time_ns = one->time_ns,
                          .frame = one->frame,
                          .seq = one->seq,
                          .tsval = one->tsval,
                          .ip_id = one->ip_id,
                          .window = one->window,
                          .port = {one->port[0], one->port[1]},
                          .ttl = one->ttl,
                          .family = one->family};
    for (int role = 0; role < 2; role++)
        memcpy(item->addr[0] + (size_t)role * size, one->addr[role] + 16 - size, size);
    return offsetof(struct item, addr) + 2 * size;
}

/* A place of a whole, whose mark stands elsewhere. */
static inline uint8_t *place_at(struct tca_dossier *d, struct tca_mark *syn, size_t at)
{
    const size_t behind = offsetof(struct whole, syn);
    return at < behind ? (uint8_t *)d + at : (uint8_t *)syn + (at - behind);
}

/* With a number of bytes that is known where it is compiled. */
static inline void put_each(const struct tca_lone_model *model, struct tca_dossier *d, struct tca_mark *syn,
                            enum tca_number number, uint64_t value, unsigned bytes)
{
    for (unsigned at = 0; at < model->places[number]; at++) {
        size_t place = model->place[number][at];
        const uint8_t *rest = (const uint8_t *)&model->rest + place;
        tca_number_store(place_at(d, syn, place), tca_number_load(rest, bytes) + value, bytes);
    }
}

static void put_numbers(const struct tca_lone_syn *one, const struct tca_lone_model *model,
                        struct tca_mark *syn, struct tca_dossier *d)
{
    put_each(model, d, syn, TCA_NUMBER_TIME, (uint64_t)one->time_ns, sizeof one->time_ns);
    put_each(model, d, syn, TCA_NUMBER_FRAME, one->frame, sizeof one->frame);
    put_each(model, d, syn, TCA_NUMBER_SEQ, one->seq, sizeof one->seq);
    put_each(model, d, syn, TCA_NUMBER_TSVAL, one->tsval, sizeof one->tsval);
    put_each(model, d, syn, TCA_NUMBER_IP_ID, one->ip_id, sizeof one->ip_id);
    put_each(model, d, syn, TCA_NUMBER_WINDOW, one->window, sizeof one->window);
    put_each(model, d, syn, TCA_NUMBER_TTL, one->ttl, sizeof one->ttl);
    memcpy(d->addr, one->addr, sizeof d->addr);
    memcpy(d->port, one->port, sizeof d->port);
    d->capture = one->capture;
    d->mark = syn;
}

static void make(const struct tca_lone_syn *one, const struct tca_lone_model *model, struct tca_mark *syn,
                 struct tca_dossier *d)
{
    memcpy(d, &model->rest.d, sizeof *d);
    memcpy(syn, &model->rest.syn, sizeof *syn);
    put_numbers(one, model, syn, d);
}

bool tca_lone_peek(const void *bytes, struct tca_lone_syn *ret)
{
    const struct item *item = bytes;
    if (item->head.areas)
        return false;
    size_t size = address_size(item->family);
    *ret = (struct tca_lone_syn){.time_ns = item->time_ns,
                                 .frame = item->frame,
                                 .capture = item->head.capture,
                                 .seq = item->seq,
                                 .tsval = item->tsval,
                                 .ip_id = item->ip_id,
                                 .window = item->window,
                                 .port = {item->port[0], item->port[1]},
                                 .model = item->head.number,
                                 .ttl = item->ttl,
                                 .family = item->family};
    for (int role = 0; role < 2; role++) {
        memcpy(ret->addr[role], mapped, MAPPED);
        memcpy(ret->addr[role] + 16 - size, item->addr[0] + (size_t)role * size, size);
    }
    return true;
}

bool tca_lone_client(const void *bytes, uint8_t ret_addr[16])
{
    const struct item *item = bytes;
    if (item->head.areas)
        return false;
    size_t size = address_size(item->family);
    memcpy(ret_addr, mapped, MAPPED);
    memcpy(ret_addr + 16 - size, item->addr[0] + TCA_CLIENT * size, size);
    return true;
}

static const struct tca_lone_model *model_of(const struct tca_session *s, const struct tca_lone_syn *one)
{
    return s->models.list[one->model - 1];
}

bool tca_lone_get(const struct tca_session *s, const void *bytes, struct tca_mark *syn, struct tca_dossier *d)
{
    struct tca_lone_syn one;
    if (!tca_lone_peek(bytes, &one))
        return false;
    make(&one, model_of(s, &one), syn, d);
    return true;
}

void tca_lone_again(const struct tca_session *s, const struct tca_lone_syn *one, struct tca_mark *syn,
                    struct tca_dossier *d)
{
    put_numbers(one, model_of(s, one), syn, d);
}

#ifdef TCA_CHECK_WAYS
/* The long way leads to the same dossier. */
static int check(struct tca_shard *shard, const struct tca_segment *syn, int side, const struct item *item)
{
    struct whole whole, back;
    bool fits;
    int error = make_whole(shard, syn, side, &whole, &fits);
    if (error)
        return error;
    memset(&back, 0, sizeof back);
    pthread_mutex_lock(&shard->s->lock);
    bool lone = tca_lone_get(shard->s, item, &back.syn, &back.d);
    pthread_mutex_unlock(&shard->s->lock);
    back.d.mark = NULL;
    if (!fits || !lone || memcmp(&whole, &back, sizeof whole) != 0)
        abort();
    return TCA_OK;
}
#else
static int check(struct tca_shard *shard, const struct tca_segment *syn, int side, const struct item *item)
{
    (void)shard, (void)syn, (void)side, (void)item;
    return TCA_OK;
}
#endif

/* ---- in parts ---- */

size_t tca_lone_measure(const void *bytes, size_t size)
{
    const struct item *item = bytes;
    if (size < offsetof(struct item, addr) || (item->family != 4 && item->family != 6))
        return 0;
    size_t whole = offsetof(struct item, addr) + 2 * address_size(item->family);
    return size >= whole && item->head.number ? whole : 0;
}

const void *tca_lone_model_at(const struct tca_session *s, unsigned at, size_t *ret_size)
{
    *ret_size = sizeof(struct tca_lone_model);
    return at < s->models.count ? s->models.list[at] : NULL;
}

/* Numbers go to places that are theirs, none of which decides what is read where. */
static bool is_sound(const struct tca_lone_model *model)
{
    for (int number = 0; number < TCA_NUMBERS; number++) {
        if (model->places[number] > TCA_PLACES_MAX)
            return false;
        for (unsigned at = 0; at < model->places[number]; at++) {
            size_t place = model->place[number][at], behind = offsetof(struct whole, syn);
            if (place >= sizeof(struct whole) || place % tca_number_width[number])
                return false;
            bool is_time = number == TCA_NUMBER_TIME;
            if (place < behind ? !tca_sound_place(place, tca_number_width[number], is_time)
                               : !tca_sound_mark_place(place - behind, tca_number_width[number], is_time))
                return false;
        }
    }
    return model->rest.d.mark_count == 1 && tca_sound_dossier(&model->rest.d) &&
           tca_sound_marks(&model->rest.syn, 1);
}

/* What no one else is to say. */
static void own(struct whole *rest)
{
    rest->d.m.marks = NULL;
    rest->d.m.trouble = NULL;
    rest->d.index = (struct tca_mark_index){0};
    rest->d.mark = &rest->syn;
    tca_dossier_index(&rest->d);
    rest->d.mark = NULL;
}

int tca_lone_load_model(struct tca_session *s, struct tca_lone_loaded *loaded, const void *bytes, size_t size)
{
    struct tca_lone_model *model = NULL;
    if (size != sizeof *model || loaded->count == MODELS_MAX)
        return TCA_EINPUT;
    if (!(model = tca_alloc(sizeof *model)))
        return TCA_EMEMORY;
    loaded->model[loaded->count] = model;
    memcpy(model, bytes, sizeof *model);
    if (!is_sound(model)) {
        tca_free(model);
        return TCA_EINPUT;
    }
    own(&model->rest);
    int error = share(&s->models, LOADED_MAX, model, &loaded->number[loaded->count]);
    loaded->count++;
    return error;
}

void tca_lone_loaded_done(struct tca_lone_loaded *loaded)
{
    while (loaded->count)
        tca_free(loaded->model[--loaded->count]);
    tca_buf_done(&loaded->encoded);
}

int tca_lone_load(struct tca_session *s, struct tca_lone_loaded *loaded, const void *bytes, size_t size)
{
    struct item item = {0};
    memcpy(&item, bytes, size);
    if (item.head.number > loaded->count || item.time_ns < 0 || item.time_ns > TCA_TIME_LAST_NS)
        return TCA_EINPUT;
    unsigned model = item.head.number - 1u;
    const struct tca_spool_row row = {.start_ns = item.time_ns, .frame = item.frame};
    item.head.number = loaded->number[model];
    if (item.head.number != NONE)
        return tca_spool_load(s, 0, &row, &item, size);
    /* Of kinds there are too many. */
    struct whole whole = {0};
    struct tca_mark syn;
    struct tca_lone_syn one;
    tca_lone_peek(&item, &one);
    make(&one, loaded->model[model], &syn, &whole.d);
    int error = tca_spool_encode_again(&whole.d, &loaded->encoded);
    return error ? error : tca_spool_load(s, 0, &row, loaded->encoded.bytes, loaded->encoded.used);
}

uint64_t tca_lone_form(void)
{
    return sizeof(struct whole) << 32 | sizeof(struct tca_lone_model) << 12 | sizeof(struct item);
}

/* ---- items are put ---- */

static int put(struct tca_shard *shard, const struct tca_segment *syn, int side, uint16_t model)
{
    struct item item;
    const struct tca_spool_row row = {.start_ns = syn->time_ns, .frame = syn->frame};
    uint32_t capture = shard->s->open->facts.ordinal, known_as = 0;
    const struct tca_lone_syn one = lone_of(syn, capture, model);
    size_t size = tca_lone_write(&one, &item);
    int error = check(shard, syn, side, &item);
    if (!error)
        error = tca_nat_hint(&shard->nat_hints, capture, syn->seq, syn->time_ns, &known_as);
    return error ? error : tca_spool_add(shard, &row, &item, size);
}

int tca_lone_over(void *user, const struct tca_segment *syn, int side, unsigned alike, bool *ret_told)
{
    struct tca_shard *shard = user;
    *ret_told = false;
    if (!is_plain(syn))
        return TCA_OK;
    if (!shard->kinds)
        shard->kinds = tca_alloc(sizeof *shard->kinds);
    if (!shard->kinds)
        return TCA_EMEMORY;
    struct tca_session *s = shard->s;
    uint16_t *model = &shard->kinds->model[kind_of(syn, side, alike)];
    int error = *model == UNKNOWN ? new_kind(shard, syn, side, model) : TCA_OK;
    if (error || *model == NONE)
        return error;
    *ret_told = true;
    error = put(shard, syn, side, *model);
    if (error)
        return error;
    pthread_mutex_lock(&s->lock);
    error = tca_streams_put_syn(s->streams, s->open->facts.ordinal, syn, side);
    pthread_mutex_unlock(&s->lock);
    return error;
}
