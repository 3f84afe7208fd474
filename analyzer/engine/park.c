/* SPDX-License-Identifier: MIT
 *
 * A parked flow (flow/park.c) is a dossier in the spool like that of any other, as if nothing would come any more. What
 * differs in it from the flow as it was stands aside, where no walk reads it: little, since most of a dossier is the flow itself.
 *
 *      dossier | head | what dossiers do not keep | mirror, trouble: what finishing changed | the table's parcel | order of marks
 *
 * When something comes, it is read back from the spool, and what is told of the flow later replaces it there. Most never come
 * back, and cost no more than what is over.
 */
#include "base/pack.h"
#include "engine/spool.h"
#include "mirror/restore.h"

#include <assert.h>
#include <stdlib.h>

enum { TROUBLE = 2 * sizeof(struct tca_trouble) };
_Static_assert(sizeof(struct tca_mirror) % 8 == 0 && TROUBLE % 8 == 0, "packed by words");

struct head {
    uint32_t marks;
    uint32_t note;   /* of the flow */
    uint32_t parcel; /* its size */
    bool trouble;    /* the mirror had some */
    bool
        in_order; /* of its marks: as in the dossier; else their places there follow at the end, a byte each */
    bool mixed_tags; /* it was counted */
};

/* What finishing changes in a mirror (mirror/event.c). */
#define CHANGED(from, behind)                                                                                \
    {                                                                                                        \
        offsetof(struct tca_mirror, from), offsetof(struct tca_mirror, behind)                               \
    }
#define CHANGED_SIDE(role)                                                                                   \
    CHANGED(side[role].newest, side[role].seen), CHANGED(side[role].recent, side[role].first_ns),            \
        CHANGED(side[role].missed_bytes, side[role].sacked_to)
static const struct part {
    size_t from, behind;
} changed[] = {CHANGED(damage, side), CHANGED_SIDE(0), CHANGED_SIDE(1), CHANGED(marks, first_synack_ns),
               CHANGED(first_fin, end_ns)};
#undef CHANGED_SIDE
#undef CHANGED
enum { CHANGES = sizeof changed / sizeof *changed };
#define WORDS(field)                                                                                         \
    _Static_assert(offsetof(struct tca_mirror, field) % sizeof(uint64_t) == 0, "parts are packed by words")
WORDS(damage);
WORDS(side[0].newest);
WORDS(side[0].seen);
WORDS(side[0].recent);
WORDS(side[0].first_ns);
WORDS(side[0].missed_bytes);
WORDS(side[0].sacked_to);
WORDS(marks);
WORDS(first_synack_ns);
WORDS(first_fin);
WORDS(end_ns);
#undef WORDS

enum {
    BEHIND_MAX = sizeof(struct head) + TCA_SPOOL_REST_MAX + CHANGES * TCA_PACKED_MAX(0) +
                 sizeof(struct tca_mirror) + TCA_PACKED_MAX(TROUBLE) + TCA_PACKED_MAX(TCA_PARCEL_MAX) +
                 TCA_MARKS_MAX + sizeof(uint64_t)
};
_Static_assert(TCA_MARKS_MAX <= UINT8_MAX + 1, "a place of a mark is a byte");

static struct tca_mirror *mirror_of(struct tca_flow *flow)
{
    return (void *)flow->payload;
}

/* Flows that are parked have been quiet, so they are in no cache; those that were so next to longest mostly follow. */
static void fetch(const void *object, size_t size)
{
    enum { LINE = 64 };
    for (size_t at = 0; at < size; at += LINE)
        __builtin_prefetch((const char *)object + at);
}

/* What a flow points to, which is at hand. */
static void fetch_parts(const struct tca_flow *flow)
{
    const struct tca_mirror *m = (const void *)flow->payload;
    if (flow->stream)
        fetch(flow->stream, sizeof(struct tca_stream) + sizeof(struct tca_peers));
    if (m->marks)
        fetch(m->marks, sizeof *m->marks);
}

/* And what that points to: most have two chunks of marks. */
static void fetch_marks(const struct tca_flow *flow)
{
    const struct tca_mirror *m = (const void *)flow->payload;
    if (m->marks && m->marks->next)
        fetch(m->marks->next, sizeof *m->marks);
}

/* Each step of one is that of the one before it, a turn later. */
static void fetch_ahead(const struct tca_flow *flow)
{
    const struct tca_flow *near = flow->next, *far = near ? near->next : NULL;
    if (near)
        fetch_marks(near);
    if (far)
        fetch_parts(far);
    if (far && far->next)
        fetch(far->next, sizeof *far + sizeof(struct tca_mirror));
}

bool tca_may_park(void *user, struct tca_flow *flow)
{
    (void)user;
    fetch_ahead(flow);
    return mirror_of(flow)->begun;
}

/* ---- marks: those of a flow that is over are sorted, and its last segments are among them ---- */

/* Those that were kept so far, in that order. */
static unsigned list_marks(const struct tca_mirror *m, const struct tca_mark *mark[TCA_MARKS_MAX])
{
    unsigned at = m->mark_count;
    struct tca_mark_walk walk = tca_mark_walk(m);
    const struct tca_mark *one;
    while ((one = tca_mark_next(&walk)))
        mark[--at] = one;
    return m->mark_count;
}

static uint32_t roles_before(const struct tca_mark *mark)
{
    return mark->roles & ~(uint32_t)TCA_MARK_LAST;
}

/* Padding may get lost where marks are sorted. */
enum { MARK_BYTES = offsetof(struct tca_mark, pad) };
_Static_assert(sizeof(struct tca_mark) - MARK_BYTES < _Alignof(struct tca_mark), "nothing is behind it");

static bool is_same(const struct tca_mark *told, const struct tca_mark *mark)
{
    return told->frame == mark->frame && !memcmp(told, mark, MARK_BYTES);
}

/* Where each is among those of the dossier, which has all of them. True: they are in the same order. */
static bool place_marks(const struct tca_mark *told, unsigned count, const struct tca_mark *const *mark,
                        unsigned marks, uint8_t *place)
{
    bool in_order = true, taken[TCA_MARKS_MAX] = {false};
    unsigned next = 0;
    for (unsigned at = 0; at < marks; at++) {
        while (next < count && !roles_before(&told[next]))
            next++;
        unsigned found = next++;
        if (found >= count || taken[found] || !is_same(&told[found], mark[at])) {
            in_order = false;
            for (found = 0; taken[found] || !is_same(&told[found], mark[at]); found++)
                assert(found + 1 < count);
        }
        place[at] = (uint8_t)found;
        taken[found] = true;
    }
    return in_order;
}

/* ---- put away ---- */

/* A flow before it was finished. */
struct was {
    struct tca_mirror m;           /* but for what finishing leaves as it is */
    struct tca_trouble trouble[2]; /* where there is some */
    const struct tca_mark *mark[TCA_MARKS_MAX];
};

static void note_was(struct was *was, const struct tca_mirror *m)
{
#ifdef TCA_CHECK_WAYS
    was->m = *m;
#endif
    for (unsigned at = 0; at < CHANGES; at++)
        memcpy((uint8_t *)&was->m + changed[at].from, (const uint8_t *)m + changed[at].from,
               changed[at].behind - changed[at].from);
    if (m->trouble)
        memcpy(was->trouble, m->trouble, TROUBLE);
}

/* Behind the dossier that was encoded: what differs from it. */
static void write_behind(struct tca_shard *sh, const struct head *head, const struct was *was,
                         const struct tca_flow *flow, const void *parcel, const uint8_t *place)
{
    const struct tca_mirror *m = (const void *)flow->payload;
    uint8_t *begin = sh->encoded.bytes + sh->encoded.size;
    memcpy(begin, head, sizeof *head);
    uint8_t *out = tca_spool_pack_rest(begin + sizeof *head, flow);
    for (unsigned at = 0; at < CHANGES; at++)
        out = tca_differ(out, (const uint8_t *)&was->m + changed[at].from,
                         (const uint8_t *)m + changed[at].from, changed[at].behind - changed[at].from);
    if (head->trouble)
        out = tca_differ(out, was->trouble, m->trouble, TROUBLE);
    out = tca_squeeze(out, parcel, head->parcel);
    if (!head->in_order) {
        memcpy(out, place, head->marks);
        out += head->marks;
    }
    for (; (out - begin) % 8; out++)
        *out = 0;
    sh->encoded.aside = (size_t)(out - begin);
}

/* ---- back ---- */

static int read_item(struct tca_shard *sh, const uint8_t *item, struct tca_mirror *m, struct tca_peer *peer,
                     void *ret_parcel, struct head *ret_head)
{
    struct tca_dossier d;
    const struct tca_mark *told, *mark[TCA_MARKS_MAX];
    const uint8_t *in = tca_spool_decode(item, &d, &told);
    unsigned count = d.mark_count, next = 0;
    memcpy(ret_head, in, sizeof *ret_head);
    in = tca_spool_unpack_rest(in + sizeof *ret_head, &d);
    for (unsigned at = 0; at < CHANGES; at++)
        in = tca_agree(in, (uint8_t *)&d.m + changed[at].from, changed[at].behind - changed[at].from);
    if (ret_head->trouble)
        in = tca_agree(in, d.trouble, TROUBLE);
    in = tca_spread(in, ret_parcel, ret_head->parcel);
    for (unsigned at = 0; at < ret_head->marks; at++) {
        while (ret_head->in_order && next < count && !roles_before(&told[next]))
            next++;
        mark[at] = &told[ret_head->in_order ? next++ : in[at]];
    }
    *m = d.m;
    memcpy(peer, &d.peer, sizeof d.peer);
    return tca_mirror_restore(&sh->mirrors, m, ret_head->trouble ? d.trouble : NULL, mark, ret_head->marks);
}

int tca_recall(void *user, uint64_t place, void *payload, void *stream_payload, void *ret_parcel,
               uint32_t *ret_note)
{
    struct tca_shard *sh = user;
    struct tca_peers *peers = stream_payload;
    struct head head;
    int error = tca_spool_fetch(sh, place);
    if (!error)
        error = read_item(sh, (const uint8_t *)sh->recalled.bytes, payload, &peers->peer, ret_parcel, &head);
    if (error)
        return error;
    sh->mixed_tags -= head.mixed_tags;
    *ret_note = head.note;
    return TCA_OK;
}

#ifdef TCA_CHECK_WAYS
/* What was put away comes back as it was. */
static void check(struct tca_shard *sh, const struct was *was, const struct tca_peer *had_peer,
                  const struct tca_mark *had_mark, const void *parcel, size_t size)
{
    struct tca_mirror m;
    struct tca_peer peer;
    struct head head;
    uint64_t back[TCA_PARCEL_MAX / sizeof(uint64_t)] = {0};
    const struct tca_mark *mark[TCA_MARKS_MAX];
    if (read_item(sh, sh->encoded.bytes, &m, &peer, back, &head))
        return; /* memory is out */
    unsigned count = list_marks(&m, mark);
    bool same = count == head.marks && !memcmp(back, parcel, size) &&
                (!had_peer || !memcmp(&peer, had_peer, sizeof peer)) && (m.trouble != NULL) == head.trouble;
    for (unsigned at = 0; same && at < count; at++)
        same = !memcmp(mark[at], &had_mark[at], MARK_BYTES);
    if (same && m.trouble)
        same = !memcmp(m.trouble, was->trouble, TROUBLE);
    tca_mirror_free(&sh->mirrors, &m);
    m.mark_count = was->m.mark_count;
    m.marks = was->m.marks;
    m.trouble = was->m.trouble;
    if (!same || memcmp(&m, &was->m, sizeof m) != 0)
        abort();
}
#endif

/* Where its marks are among those of the dossier: as they stood, but for new ones, if sorting moved none and none was given up
 * for a new one. */
static bool find_places(const struct tca_shard *sh, unsigned count, const struct was *was, bool sorted,
                        uint8_t *place)
{
    const struct tca_mark *told =
        (const struct tca_mark *)(const void *)(sh->encoded.bytes + sh->encoded.size) - count;
    unsigned old = 0;
    for (unsigned at = 0; at < count; at++)
        old += roles_before(&told[at]) != 0;
    return (sorted && old == was->m.mark_count) ||
           place_marks(told, count, was->mark, was->m.mark_count, place);
}

int tca_park(void *user, struct tca_flow *flow, const void *parcel, size_t size, uint64_t *ret_place)
{
    struct tca_shard *sh = user;
    struct tca_mirror *m = mirror_of(flow);
    struct was was;
    struct head head = {.marks = list_marks(m, was.mark),
                        .parcel = (uint32_t)size,
                        .trouble = m->trouble != NULL,
                        .mixed_tags = flow->mixed_tags};
    uint8_t place[TCA_MARKS_MAX];
    note_was(&was, m);
#ifdef TCA_CHECK_WAYS
    struct tca_mark kept[TCA_MARKS_MAX];
    for (unsigned at = 0; at < head.marks; at++)
        memcpy(&kept[at], was.mark[at], sizeof kept[at]);
#endif
    int error = tca_mirror_finish(&sh->mirrors, m);
    if (!error)
        error = tca_spool_encode(sh, flow, BEHIND_MAX, &head.in_order);
    if (error)
        return error;
    head.note = flow->note;
    head.in_order = find_places(sh, m->mark_count, &was, head.in_order, place);
    write_behind(sh, &head, &was, flow, parcel, place);
#ifdef TCA_CHECK_WAYS
    check(sh, &was, flow->stream ? &((struct tca_peers *)(void *)flow->stream->payload)->peer : NULL, kept,
          parcel, size);
#endif
    *ret_place = tca_spool_send(sh, flow);
    sh->mixed_tags += flow->mixed_tags;
    tca_mirror_free(&sh->mirrors, m);
    return TCA_OK;
}

/* ---- one SYN ---- */

void tca_forget(void *user, struct tca_flow *flow)
{
    struct tca_shard *sh = user;
    tca_mirror_free(&sh->mirrors, mirror_of(flow));
}

int tca_again(void *user, struct tca_flow *flow, const struct tca_segment *syn, int side)
{
    struct tca_shard *sh = user;
    struct tca_mirror *m = mirror_of(flow);
    tca_peers_step((void *)flow->stream->payload, syn, side, sh->mirrors.strict_checksums);
    tca_mirror_begin(m, syn);
    return tca_mirror_step(&sh->mirrors, m, syn, side == flow->client ? TCA_CLIENT : TCA_SERVER);
}
