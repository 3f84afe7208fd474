/* SPDX-License-Identifier: MIT
 *
 * Clocks of the mirror that its events need: everything else is tca_mirror_clock() in mirror.h.
 */
#ifndef TCA_MIRROR_CLOCK_H
#define TCA_MIRROR_CLOCK_H

#include "mirror/mirror.h"

/* The server answers the client with the RST of a host that has no request any more: if its time was over, it
 * had expired then; else it was refused just now. Settles ack_ignored_count. */
void tca_clock_request_rst(struct tca_mirror *m, int64_t now_ns);

#endif
