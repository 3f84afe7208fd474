/* SPDX-License-Identifier: MIT
 *
 * Second estimators of a listener's limit: its SYN queue, which has the same one.
 */
#ifndef TCA_CLASSIFY_BACKLOG_H
#define TCA_CLASSIFY_BACKLOG_H

#include "classify/sweep/episode.h"

/* Narrow what is known of the limit by `least` and `most` (UINT64_MAX: not told), unless they contradict it; `proof` is
 * what tells. */
void tca_backlog_narrow(struct tca_listener *l, uint64_t least, uint64_t most, enum tca_backlog_basis basis,
                        const struct tca_proof *proof);

/* By half-open requests that were given up early beside others that were not. `edge`: `count` edges of the listener.
 * 0 or TCA_EMEMORY. */
int tca_backlog_prune(struct tca_listener *l, const struct tca_edge *edge, size_t count,
                      const struct tca_conn *conn);

/* Half-open requests, at most, while a SYN cookie was sent because the queue was full; SIZE_MAX: no cookie tells. So many
 * are the limit, or one more. `edge`: `count` edges of the listener by time. */
size_t tca_backlog_at_cookie(const struct tca_listener *l, const struct tca_edge *edge, size_t count,
                             const struct tca_conn *conn);

/* What SYN pressure showed is known: complete the bounds by it. Once, after all else is known of the listener. */
void tca_backlog_settle(struct tca_listener *l);

/* net.core.somaxconn is known: no limit is larger. Where the traffic shows that one is, nothing changes. */
void tca_backlog_learn(struct tca_listener *l, int64_t somaxconn);

#endif
