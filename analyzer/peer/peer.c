/* SPDX-License-Identifier: MIT
 *
 * The views, one after the other.
 */
#include "peer/peer.h"

void tca_peer_step(struct tca_peer *peer, const struct tca_segment *seg, int side)
{
    (void)seg;
    (void)side;
    peer->begun = true;
}
