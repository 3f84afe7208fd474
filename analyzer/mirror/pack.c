/* SPDX-License-Identifier: MIT
 *
 * Of the marks the newest chunk stands first, as in the mirror.
 */
#include "mirror/pack.h"

#include "base/pack.h"

#include <string.h>

enum { TROUBLES = 2 * sizeof(struct tca_trouble) };
_Static_assert(sizeof(struct tca_mirror) % 8 == 0 && sizeof(struct tca_mark) % 8 == 0 && TROUBLES % 8 == 0,
               "packed by words");

static unsigned chunks_of(const struct tca_mirror *m)
{
    return (m->mark_count + TCA_MARKS_PER_CHUNK - 1u) / TCA_MARKS_PER_CHUNK;
}

/* All but the newest one are full. */
static size_t newest_bytes(const struct tca_mirror *m)
{
    unsigned newest = m->mark_count % TCA_MARKS_PER_CHUNK;
    return (newest ? newest : TCA_MARKS_PER_CHUNK) * sizeof(struct tca_mark);
}

size_t tca_mirror_pack_room(const struct tca_mirror *m)
{
    enum { CHUNK = TCA_PACKED_MAX(sizeof(struct tca_mark) * TCA_MARKS_PER_CHUNK) };
    return 1 + TCA_PACKED_MAX(sizeof *m) + chunks_of(m) * (size_t)CHUNK + TCA_PACKED_MAX(TROUBLES);
}

/* Nobody asks any more for what tca_mirror_settle() would replace. */
static void forget_recent(struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++)
        if (m->side[role].newest.due)
            memset(&m->side[role].recent, 0, sizeof m->side[role].recent);
}

uint8_t *tca_mirror_pack(uint8_t *out, struct tca_mirror *m)
{
    struct tca_mark_chunk *marks = m->marks;
    struct tca_trouble *trouble = m->trouble;
    forget_recent(m);
    *out++ = trouble != NULL;
    m->marks = NULL;
    m->trouble = NULL;
    out = tca_squeeze(out, m, sizeof *m);
    m->marks = marks;
    m->trouble = trouble;
    size_t bytes = newest_bytes(m);
    for (const struct tca_mark_chunk *chunk = marks; chunk; chunk = chunk->next, bytes = sizeof chunk->mark)
        out = tca_squeeze(out, chunk->mark, bytes);
    return trouble ? tca_squeeze(out, trouble, TROUBLES) : out;
}

static const uint8_t *unpack_marks(struct tca_mirror_context *ctx, const uint8_t *in, struct tca_mirror *m)
{
    struct tca_mark_chunk **link = &m->marks;
    size_t bytes = newest_bytes(m);
    for (unsigned left = chunks_of(m); left; left--, bytes = sizeof m->marks->mark) {
        struct tca_mark_chunk *chunk = tca_pool_take(&ctx->chunks);
        if (!chunk)
            return NULL;
        *link = chunk;
        link = &chunk->next;
        in = tca_spread(in, chunk->mark, bytes);
    }
    return in;
}

const uint8_t *tca_mirror_unpack(struct tca_mirror_context *ctx, const uint8_t *in, struct tca_mirror *m)
{
    bool troubled = *in++;
    in = unpack_marks(ctx, tca_spread(in, m, sizeof *m), m);
    if (in && troubled)
        m->trouble = tca_pool_take(&ctx->troubles);
    if (!in || (troubled && !m->trouble)) {
        tca_mirror_free(ctx, m);
        return NULL;
    }
    return troubled ? tca_spread(in, m->trouble, TROUBLES) : in;
}
