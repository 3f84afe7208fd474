/* SPDX-License-Identifier: MIT
 *
 * The views, one after the other.
 */
#include "peer/peer.h"

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
