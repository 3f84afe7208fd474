/* SPDX-License-Identifier: MIT
 *
 * A build with check_ways packs them all, however few.
 */
#include "classify/sweep/kept.h"

#include "base/alloc.h"
#include "base/pack.h"

#include <string.h>
#include <tcpautopsy/error.h>

#ifdef TCA_CHECK_WAYS
enum { PLAIN_MAX = 0 };
#else
enum { PLAIN_MAX = 4096 };
#endif

const struct tca_listener tca_listener_unknown = {.first_seen_ns = -1,
                                                  .last_seen_ns = -1,
                                                  .first_synack_ns = -1,
                                                  .last_synack_ns = -1,
                                                  .server_rtt_ns = -1,
                                                  .client_rtt_ns = -1,
                                                  .handshake_p50_ns = -1,
                                                  .handshake_p99_ns = -1,
                                                  .response_p50_ns = -1,
                                                  .response_p99_ns = -1,
                                                  .drain_ns = -1,
                                                  .backlog = {.max = UINT64_MAX},
                                                  .synq = {.max = UINT64_MAX}};

int tca_kept_init(struct tca_kept *kept, size_t count)
{
    *kept = (struct tca_kept){.count = count};
    if (count > PLAIN_MAX) {
        kept->packed =
            count <= SIZE_MAX / sizeof *kept->packed ? tca_alloc(count * sizeof *kept->packed) : NULL;
        return kept->packed ? TCA_OK : TCA_EMEMORY;
    }
    kept->plain = tca_alloc(count * sizeof *kept->plain);
    for (size_t at = 0; at < count && kept->plain; at++)
        kept->plain[at] = tca_listener_unknown;
    return kept->plain ? TCA_OK : TCA_EMEMORY;
}

/* To `moment`; NULL: to none. */
static void point(struct tca_listener *l, const int64_t *moment)
{
    l->admitted_ns = moment;
    l->dropped_ns = moment ? moment + l->admitted : NULL;
    l->answered_ns = moment ? l->dropped_ns + l->dropped : NULL;
}

struct tca_listener *tca_kept_take(const struct tca_kept *kept, size_t at, struct tca_listener *room)
{
    if (kept->plain)
        return &kept->plain[at];
    memcpy(room, &tca_listener_unknown, sizeof *room);
    if (kept->packed[at])
        tca_agree(kept->packed[at], room, sizeof *room);
    if (kept->moment)
        point(room, kept->moment + kept->begin[at]);
    return room;
}

/* Without where its moments are; it is left as it was. */
static int pack(uint8_t **packed, struct tca_listener *l)
{
    uint8_t bytes[TCA_PACKED_MAX(sizeof *l)];
    const int64_t *moment = l->admitted_ns;
    point(l, NULL);
    size_t size = (size_t)(tca_differ(bytes, l, &tca_listener_unknown, sizeof *l) - bytes);
    point(l, moment);
    uint8_t *grown = tca_grow(*packed, size, 1);
    if (!grown)
        return TCA_EMEMORY;
    memcpy(grown, bytes, size);
    *packed = grown;
    return TCA_OK;
}

int tca_kept_put(struct tca_kept *kept, size_t at, struct tca_listener *l)
{
    if (l->episode)
        kept->episodes = true;
    return kept->plain ? TCA_OK : pack(&kept->packed[at], l);
}

void tca_kept_point(struct tca_kept *kept, int64_t *moment, size_t *begin)
{
    kept->moment = moment;
    kept->begin = begin;
    for (size_t at = 0; at < kept->count && kept->plain; at++)
        point(&kept->plain[at], moment + begin[at]);
}

static void free_packed(uint8_t **packed, size_t count)
{
    for (size_t at = 0; packed && at < count; at++)
        tca_free(packed[at]);
    tca_free(packed);
}

void tca_kept_pack(struct tca_kept *kept)
{
    uint8_t **packed = kept->plain ? tca_alloc(kept->count * sizeof *packed) : NULL;
    int error = packed ? TCA_OK : TCA_EMEMORY;
    for (size_t at = 0; at < kept->count && !error; at++)
        error = pack(&packed[at], &kept->plain[at]);
    if (error) {
        free_packed(packed, kept->count);
        return;
    }
    tca_free(kept->plain);
    kept->plain = NULL;
    kept->packed = packed;
}

void tca_kept_done(struct tca_kept *kept)
{
    for (size_t at = 0; at < kept->count && kept->episodes && (kept->plain || kept->packed); at++) {
        struct tca_listener room;
        tca_free((void *)(uintptr_t)tca_kept_take(kept, at, &room)->episode);
    }
    tca_free(kept->plain);
    free_packed(kept->packed, kept->count);
    tca_free(kept->moment);
    tca_free(kept->begin);
    *kept = (struct tca_kept){.count = 0};
}
