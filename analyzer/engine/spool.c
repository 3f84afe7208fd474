/* SPDX-License-Identifier: MIT
 *
 * The spool: dossiers as bytes between the passes. A dossier is mostly zeros, so it is written as groups of
 * eight 64-bit words: one byte says which are not zero, then those words follow. This form lives within one
 * process only.
 *
 * Sort key: start_ns, capture ordinal, first frame: the order of rows.
 */
#include "engine/run.h"

#include <stdlib.h>
#include <string.h>

enum { GROUP = 8, WORD = 8 };

static void encode(struct tca_buf *buf, const void *object, size_t size)
{
    const uint8_t *bytes = object;
    for (size_t at = 0; at < size; at += GROUP * WORD) {
        uint64_t word[GROUP] = {0};
        memcpy(word, bytes + at, size - at < sizeof word ? size - at : sizeof word);
        uint8_t mask = 0, out[1 + sizeof word];
        size_t used = 1;
        for (unsigned bit = 0; bit < GROUP; bit++) {
            if (!word[bit])
                continue;
            mask = (uint8_t)(mask | 1u << bit);
            memcpy(out + used, &word[bit], WORD);
            used += WORD;
        }
        out[0] = mask;
        tca_buf_add(buf, out, used);
    }
}

/* The bytes were written by encode() of this process. */
static const uint8_t *decode(const uint8_t *in, void *object, size_t size)
{
    uint8_t *bytes = object;
    for (size_t at = 0; at < size; at += GROUP * WORD) {
        uint64_t word[GROUP] = {0};
        uint8_t mask = *in++;
        for (unsigned bit = 0; bit < GROUP; bit++)
            if (mask & (1u << bit)) {
                memcpy(&word[bit], in, WORD);
                in += WORD;
            }
        memcpy(bytes + at, word, size - at < sizeof word ? size - at : sizeof word);
    }
    return in;
}

static void fill(struct tca_session *s, const struct tca_flow *flow, struct tca_dossier *d)
{
    const struct tca_mirror *m = (const void *)flow->payload;
    memset(d, 0, sizeof *d);
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
    d->m = *m;
    d->m.marks = NULL;
    if (m->trouble)
        memcpy(d->trouble, m->trouble, sizeof d->trouble);
    d->m.trouble = NULL;
    d->mark_count = m->mark_count;
}

int tca_spool_put(struct tca_session *s, const struct tca_flow *flow)
{
    struct tca_dossier d;
    const struct tca_mirror *m = (const void *)flow->payload;
    fill(s, flow, &d);
    int error = tca_nat_add_flow(s, &d, m);
    if (error)
        return error;
    tca_buf_reset(&s->encoded);
    encode(&s->encoded, &d, sizeof d);
    struct tca_mark_walk walk = tca_mark_walk(m);
    const struct tca_mark *mark;
    while ((mark = tca_mark_next(&walk)))
        encode(&s->encoded, mark, sizeof *mark);
    if (s->encoded.failed)
        return TCA_EMEMORY;
    uint8_t key[TCA_SORT_KEY] = {0};
    tca_key_i64(key, m->start_ns);
    tca_key_u32(key + 8, d.capture);
    tca_key_u64(key + 12, m->first_frame);
    return tca_sorter_add(s->dossiers, key, s->encoded.bytes, s->encoded.used);
}

static int by_frame(const void *a, const void *b)
{
    const struct tca_mark *x = a, *y = b;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

int tca_spool_get(struct tca_session *s, const void *item, size_t size, struct tca_dossier *d)
{
    (void)size;
    const uint8_t *in = decode(item, d, sizeof *d);
    tca_buf_reset(&s->decoded);
    for (unsigned at = 0; at < d->mark_count; at++) {
        struct tca_mark mark;
        in = decode(in, &mark, sizeof mark);
        tca_buf_add(&s->decoded, &mark, sizeof mark);
    }
    if (s->decoded.failed)
        return TCA_EMEMORY;
    d->mark = (void *)s->decoded.bytes;
    tca_streams_tell(s->streams, d);
    if (d->mark_count)
        qsort(d->mark, d->mark_count, sizeof *d->mark, by_frame);
    tca_dossier_index(d);
    return TCA_OK;
}
