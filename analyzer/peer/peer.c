/* SPDX-License-Identifier: MIT
 *
 * The views, one after the other; and the line in front of them.
 */
#include "peer/peer.h"

#include "base/apart.h"

#include <stdlib.h>
#include <string.h>

/* Its checksum is bad: does it count? */
static bool is_corrupt(struct tca_peer *peer, int side, bool strict)
{
    peer->corrupt[side]++;
    return strict || tca_bad_checksums_count(peer->good[side], peer->corrupt[side]);
}

void tca_peer_step(struct tca_peer *peer, const struct tca_segment *seg, int side, bool strict)
{
    peer->begun = true;
    peer->good[side] += seg->checksum == TCA_CHECKSUM_GOOD;
    bool corrupt = seg->checksum == TCA_CHECKSUM_BAD && is_corrupt(peer, side, strict);
    tca_zeek_step(&peer->zeek, seg, side, corrupt);
    if (corrupt)
        return;
    tca_conntrack_step(&peer->conntrack, seg, side);
    tca_clock_step(&peer->clock[side], seg);
}

/* ---- the line ---- */

void tca_peers_settle(struct tca_peers *peers)
{
    struct tca_line *line = &peers->line;
    struct tca_peer *peer = &peers->peer;
    if (!line->lent)
        return;
    tca_zeek_settle(&peer->zeek, line);
    tca_conntrack_settle(&peer->conntrack, line);
    for (int side = 0; side < 2; side++) {
        tca_clock_settle(&peer->clock[side], &line->end[side]);
        peer->good[side] += line->end[side].good;
    }
    *line = (struct tca_line){0};
}

/* Where all views are such that the next segments may change numbers only. */
static void lend(struct tca_peers *peers)
{
    struct tca_line *line = &peers->line;
    const struct tca_peer *peer = &peers->peer;
    if (!tca_zeek_lend(&peer->zeek, line) || !tca_conntrack_lends(&peer->conntrack, line)) {
        *line = (struct tca_line){0};
        return;
    }
    for (int side = 0; side < 2; side++)
        tca_clock_lend(&peer->clock[side], &line->end[side]);
    line->lent = true;
}

TCA_APART static void step_whole(struct tca_peers *peers, const struct tca_segment *seg, int side,
                                 bool strict)
{
    tca_peers_settle(peers);
    tca_peer_step(&peers->peer, seg, side, strict);
    if (tca_zeek_is_easy(&peers->peer.zeek))
        lend(peers);
}

/* More than the newest stamp moves: the clock alone is settled, and lent anew. */
TCA_APART static void turn_clock(struct tca_peers *peers, const struct tca_segment *seg, int side)
{
    struct tca_clock *clock = &peers->peer.clock[side];
    tca_clock_settle(clock, &peers->line.end[side]);
    tca_clock_step(clock, seg);
    tca_clock_lend(clock, &peers->line.end[side]);
}

#ifdef TCA_CHECK_WAYS
/* The views that take the segment must be what they are once the line is settled that took it. */
static void check(const struct tca_peers *before, const struct tca_peers *after,
                  const struct tca_segment *seg, int side, bool strict)
{
    struct tca_peers line, views;
    memcpy(&line, after, sizeof line);
    memcpy(&views, before, sizeof views);
    tca_peers_settle(&line);
    tca_peers_settle(&views);
    tca_peer_step(&views.peer, seg, side, strict);
    if (memcmp(&line.peer, &views.peer, sizeof line.peer) != 0)
        abort();
}
#endif

void tca_peers_step(struct tca_peers *peers, const struct tca_segment *seg, int side, bool strict)
{
#ifdef TCA_CHECK_WAYS
    struct tca_peers before;
    memcpy(&before, peers, sizeof before);
#endif
    if (!tca_line_take(&peers->line, seg, side)) {
        step_whole(peers, seg, side, strict);
        return;
    }
    if (seg->opt.has_ts && !tca_line_tick(&peers->line.end[side], seg))
        turn_clock(peers, seg, side);
#ifdef TCA_CHECK_WAYS
    check(&before, peers, seg, side, strict);
#endif
}
