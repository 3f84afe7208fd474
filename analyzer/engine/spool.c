/* SPDX-License-Identifier: MIT
 *
 * The spool: dossiers as bytes between the passes. Most of a dossier is zeros, and some of what pass 1 kept nobody reads
 * after it. So a dossier is parts, these are units of 32 bytes, and only units that are not zero are written:
 *
 *      { which units, a bit each (u64), those units } of each part, then the marks, whole and by frame
 *
 * The unit is a trade between bytes, which are written and read twice where a capture is large, and tests. Packing the bytes
 * of each word besides made it little more than half as large, and took longer than writing and reading the rest. This form
 * lives within one process only.
 *
 * Sort key: start_ns, capture ordinal, first frame: the order of rows; then how often the flow was parked, the newest first,
 * which alone is read.
 *
 * A build with check_ways decodes each dossier when it was encoded and stops where what is kept differs; there, what is not
 * kept comes back as garbage, so that whoever reads it is found by the tests.
 */
#include "engine/spool.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = 32 };

/* What is kept. Not: what tells doubled segments, of which no more will come, and what Zeek's view needs for letters that are
 * written. A part's last unit may hold the beginning of what follows. */
#define AT(field) offsetof(struct tca_dossier, field)
static const struct part {
    size_t from, to;
} parts[] = {
    {0, AT(peer.zeek.end[0].letter_seq)},
    {AT(peer.zeek.end[1]), AT(peer.zeek.end[1].letter_seq)},
    {AT(peer.zeek.history), AT(m.side[0].seen)},
    {AT(m.side[0].recent), AT(m.side[1].seen)},
    {AT(m.side[1].recent), AT(trouble)},
    {AT(trouble), AT(mark_count)}, /* the last: only where there was some */
};

enum { PARTS = sizeof parts / sizeof *parts, LAST_UNITS = (AT(mark_count) - AT(trouble) + UNIT - 1) / UNIT };
_Static_assert(AT(trouble) + LAST_UNITS * UNIT <= sizeof(struct tca_dossier),
               "units stay within the dossier");
#define FITS(from, to) (AT(to) - AT(from) <= sizeof(uint64_t) * 8 * UNIT)
_Static_assert(FITS(peer.zeek.history, m.side[0].seen) && FITS(m.side[0].recent, m.side[1].seen) &&
                   FITS(m.side[1].recent, trouble) && FITS(trouble, mark_count),
               "a bit for each unit");
#undef FITS
#undef AT

struct head {
    uint32_t parts, marks; /* how many follow */
};

enum { ENCODED_MAX = sizeof(struct head) + PARTS * (sizeof(uint64_t) + UNIT) + sizeof(struct tca_dossier) };

static bool is_zero(const uint8_t unit[UNIT])
{
    uint64_t word[UNIT / sizeof(uint64_t)];
    memcpy(word, unit, UNIT);
    return !(word[0] | word[1] | word[2] | word[3]);
}

static uint8_t *encode_part(uint8_t *out, const struct part *part, const uint8_t *object)
{
    uint64_t there = 0, bit = 1;
    uint8_t *unit = out + sizeof there;
    for (size_t at = part->from; at < part->to; at += UNIT, bit <<= 1) {
        if (is_zero(object + at))
            continue;
        there |= bit;
        memcpy(unit, object + at, UNIT);
        unit += UNIT;
    }
    memcpy(out, &there, sizeof there);
    return unit;
}

/* The bytes were written by encode_part() of this process; the object was all zeros. Units that are there stand in runs. */
static const uint8_t *decode_part(const uint8_t *in, const struct part *part, uint8_t *object)
{
    uint64_t there;
    uint8_t *to = object + part->from;
    memcpy(&there, in, sizeof there);
    in += sizeof there;
    while (there) {
        unsigned skip = (unsigned)__builtin_ctzll(there);
        for (there >>= skip, to += UNIT * (size_t)skip; there & 1; there >>= 1, to += UNIT, in += UNIT)
            memcpy(to, in, UNIT);
    }
    return in;
}

/* By frame; of one frame the newest first. Nearly all come in that order, and they are few. */
static void sort_marks(struct tca_mark *mark, unsigned count)
{
    for (unsigned at = 1; at < count; at++) {
        unsigned to = at;
        while (to && mark[to - 1].frame >= mark[at].frame)
            to--;
        if (to == at)
            continue;
        struct tca_mark moved = mark[at];
        memmove(&mark[to + 1], &mark[to], (at - to) * sizeof *mark);
        mark[to] = moved;
    }
}

/* Every size here is a multiple of 8, so that marks may be sorted where they stand. */
static int encode(struct tca_buf *buf, const struct tca_dossier *d, const struct tca_mirror *m)
{
    tca_buf_reset(buf);
    uint8_t *begin = tca_buf_room(buf, ENCODED_MAX + d->mark_count * sizeof(struct tca_mark));
    if (!begin)
        return TCA_EMEMORY;
    const struct head head = {.parts = m->trouble ? PARTS : PARTS - 1, .marks = d->mark_count};
    memcpy(begin, &head, sizeof head);
    uint8_t *out = begin + sizeof head;
    for (unsigned at = 0; at < head.parts; at++)
        out = encode_part(out, &parts[at], (const uint8_t *)d);
    struct tca_mark *marks = (void *)out, *place = marks + d->mark_count;
    struct tca_mark_walk walk = tca_mark_walk(m); /* the newest first */
    const struct tca_mark *mark;
    while ((mark = tca_mark_next(&walk)))
        *--place = *mark;
    sort_marks(marks, d->mark_count);
    buf->used = (size_t)((uint8_t *)(marks + d->mark_count) - begin);
    return TCA_OK;
}

void tca_spool_fill(const struct tca_session *s, const struct tca_flow *flow, struct tca_dossier *d)
{
    const struct tca_mirror *m = (const void *)flow->payload;
    memset(d, 0, offsetof(struct tca_dossier, m));
    d->m = *m;
    memset((uint8_t *)d + offsetof(struct tca_dossier, trouble), 0,
           sizeof *d - offsetof(struct tca_dossier, trouble));
    d->capture = s->open->facts.ordinal;
    if (flow->stream) {
        d->stream_frame = flow->stream_frame;
        memcpy(&d->peer, flow->stream->payload, sizeof d->peer);
    }
    d->key_side[TCA_CLIENT] = flow->client;
    d->key_side[TCA_SERVER] = (uint8_t)(1 - flow->client);
    d->id_frame = flow->first_frame;
    d->attempt_of = flow->attempt_of;
    d->anew_ns = flow->anew_ns;
    for (int role = 0; role < 2; role++) {
        memcpy(d->addr[role], tca_flow_addr(flow, role), 16);
        d->port[role] = tca_flow_port(flow, role);
    }
    d->family = tca_flow_family(flow);
    d->role_basis = flow->role_basis;
    d->tags = flow->tags;
    d->m.marks = NULL;
    if (m->trouble)
        memcpy(d->trouble, m->trouble, sizeof d->trouble);
    d->m.trouble = NULL;
    d->mark_count = m->mark_count;
}

const uint8_t *tca_spool_decode(const uint8_t *in, struct tca_dossier *d, const struct tca_mark **ret_mark)
{
    struct head head;
    memcpy(&head, in, sizeof head);
    in += sizeof head;
    memset(d, 0, sizeof *d);
    for (unsigned at = 0; at < head.parts; at++)
        in = decode_part(in, &parts[at], (uint8_t *)d);
    d->mark_count = (uint16_t)head.marks;
    *ret_mark = (const void *)in;
    return in + head.marks * sizeof(struct tca_mark);
}

static int decode(const uint8_t *in, struct tca_dossier *d, struct tca_buf *marks)
{
    const struct tca_mark *mark;
    tca_spool_decode(in, d, &mark);
    tca_buf_reset(marks);
    tca_buf_add(marks, mark, d->mark_count * sizeof *mark);
    d->mark = (void *)marks->bytes;
    return marks->failed ? TCA_EMEMORY : TCA_OK;
}

void tca_spool_clear(struct tca_dossier *d)
{
    for (unsigned at = 0; at < PARTS; at++) {
        size_t units = (parts[at].to - parts[at].from + UNIT - 1) / UNIT;
        size_t from = parts[at].from + units * UNIT, to = at + 1 < PARTS ? parts[at + 1].from : from;
        if (from < to)
            memset((uint8_t *)d + from, 0, to - from);
    }
}

#ifdef TCA_CHECK_WAYS
/* What is kept comes back as it was; what is not, as garbage. */
static void check(struct tca_shard *shard, const struct tca_dossier *d)
{
    struct tca_dossier back;
    struct tca_buf marks = {0};
    if (decode((const uint8_t *)shard->encoded.bytes, &back, &marks) || back.mark_count != d->mark_count)
        abort();
    for (unsigned at = 0; at < PARTS; at++)
        if (memcmp((const uint8_t *)d + parts[at].from, (const uint8_t *)&back + parts[at].from,
                   parts[at].to - parts[at].from))
            abort();
    for (unsigned at = 1; at < back.mark_count; at++)
        if (back.mark[at - 1].frame > back.mark[at].frame)
            abort();
    tca_buf_done(&marks);
}

static void spoil(struct tca_dossier *d)
{
    for (unsigned at = 0; at + 2 < PARTS; at++)
        memset((uint8_t *)d + parts[at].to, 0xa5, parts[at + 1].from - parts[at].to);
}
#else
static void check(struct tca_shard *shard, const struct tca_dossier *d)
{
    (void)shard, (void)d;
}

static void spoil(struct tca_dossier *d)
{
    (void)d;
}
#endif

/* What comes of a flow that was parked before does not tell its number anew. */
static int add_nat(struct tca_session *s, struct tca_flow *flow, const struct tca_dossier *d)
{
    pthread_mutex_lock(&s->lock);
    int error = tca_nat_add_flow(s, d, (const void *)flow->payload, &flow->note);
    pthread_mutex_unlock(&s->lock);
    return error;
}

int tca_spool_encode(struct tca_shard *shard, struct tca_flow *flow, const struct tca_dossier *d)
{
    int error = add_nat(shard->s, flow, d);
    if (!error)
        error = encode(&shard->encoded, d, (const void *)flow->payload);
    if (!error)
        check(shard, d);
    return error;
}

int tca_spool_send(struct tca_shard *shard, const struct tca_flow *flow, const struct tca_dossier *d,
                   uint64_t *ret_place)
{
    struct tca_session *s = shard->s;
    uint8_t key[TCA_SORT_KEY] = {0};
    tca_key_i64(key, d->m.start_ns);
    tca_key_u32(key + 8, d->capture);
    tca_key_u64(key + 12, d->m.first_frame);
    tca_key_u32(key + TCA_SPOOL_NAMED, UINT32_MAX - flow->parked);
    pthread_mutex_lock(&s->lock);
    int error = tca_sorter_add(s->dossiers, key, shard->encoded.bytes, shard->encoded.used);
    *ret_place = error ? 0 : tca_sorter_place(s->dossiers);
    pthread_mutex_unlock(&s->lock);
    return error;
}

int tca_spool_fetch(struct tca_shard *shard, uint64_t place)
{
    struct tca_session *s = shard->s;
    pthread_mutex_lock(&s->lock);
    int error = tca_sorter_fetch(s->dossiers, place, &shard->recalled);
    pthread_mutex_unlock(&s->lock);
    return error;
}

int tca_spool_put(struct tca_shard *shard, struct tca_flow *flow)
{
    struct tca_dossier d;
    uint64_t place;
    tca_spool_fill(shard->s, flow, &d);
    int error = tca_spool_encode(shard, flow, &d);
    return error ? error : tca_spool_send(shard, flow, &d, &place);
}

int tca_spool_get(const struct tca_session *s, struct tca_reading *reading, const void *item, size_t size,
                  struct tca_dossier *d)
{
    (void)size;
    int error = decode(item, d, &reading->marks);
    if (error)
        return error;
    spoil(d);
    tca_streams_tell(s->streams, &reading->stream, d);
    tca_dossier_index(d);
    return TCA_OK;
}
