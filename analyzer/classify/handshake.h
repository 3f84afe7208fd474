/* SPDX-License-Identifier: MIT
 *
 * What others ask about an opening: was the SYN+ACK a SYN cookie?
 */
#ifndef TCA_CLASSIFY_HANDSHAKE_H
#define TCA_CLASSIFY_HANDSHAKE_H

#include "classify/finding.h"
#include "classify/read/cookie.h"

enum tca_cookie {
    TCA_COOKIE_NONE,
    TCA_COOKIE_WEAK,   /* one mark */
    TCA_COOKIE_STRONG, /* options missing from the SYN+ACK as only a cookie makes them */
};

/* The evidence of this flow alone. `ret_skew_ms` (may be NULL) is set where timestamps allow the comparison:
 * how far the SYN+ACK's TSval lags the server's clock, in ms; a cookie's lies in 0..64, anything else's at 0
 * or 1. */
enum tca_cookie tca_cookie_evidence(const struct tca_case *c, int64_t *ret_skew_ms);

/* Near a server whose accept queue was full, or whose SYN+ACK shows that it was a cookie: the client's ACK was refused, so that
 * the server never had a socket for it. What one connection's mirror cannot know. */
bool tca_cookie_state_lost(const struct tca_case *c);

#endif
