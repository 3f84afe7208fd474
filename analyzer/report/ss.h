/* SPDX-License-Identifier: MIT
 *
 * A host's sockets at one moment, as `ss -tan` prints them.
 */
#ifndef TCA_REPORT_SS_H
#define TCA_REPORT_SS_H

#include "mirror/state.h"

#include <stddef.h>
#include <tcpautopsy/session.h>

struct tca_ss_socket {
    uint8_t addr[2][16]; /* its own, its peer's; of a listener only its own */
    uint16_t port[2];
    uint8_t family;
    uint8_t state;          /* enum tca_state */
    bool unsure;            /* may as well be in another state at this moment */
    int64_t recv_q, send_q; /* -1: the capture does not tell */
};

/* In the order given, those that are unsure last. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_ss_write(const struct tca_ss_socket *socket, size_t count, tca_write_fn *fn, void *user);

#endif
