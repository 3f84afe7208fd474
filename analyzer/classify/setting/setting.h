/* SPDX-License-Identifier: MIT
 *
 * Settings of hosts and listeners, as their traffic tells them: an interval that holds the value, and the frames it
 * rests on.
 *
 *     judged flow, listener --> observations: at least so much, at most so much
 *     sorted by (capture, host, port, setting) --> one estimate each: what all observations allow
 *
 * A setting that is known besides is compared with its estimate and takes no part in it.
 */
#ifndef TCA_CLASSIFY_SETTING_H
#define TCA_CLASSIFY_SETTING_H

#include "classify/finding.h"
#include "classify/pressure/incident.h"
#include "classify/sweep/known.h"

#define TCA_NO_LIMIT INT64_MAX /* from above */

struct tca_estimate {
    uint32_t capture;
    uint8_t addr[16];
    uint8_t family;
    uint16_t port; /* 0: the whole host */
    enum tca_setting_id id;
    uint8_t by;       /* of backlog: enum tca_backlog_basis */
    int64_t min, max; /* max TCA_NO_LIMIT: not bounded from above */
    bool disagree;    /* connections of one host contradict each other: the interval covers them all */
    uint64_t count;   /* observations */
    uint64_t frame[TCA_PROOF_MAX];
    uint8_t frame_count;
    int64_t first_ns, last_ns;
    bool is_known;
    int64_t known;
};

enum tca_estimate_verdict { TCA_ESTIMATE_NOT_JUDGED, TCA_ESTIMATE_CONSISTENT, TCA_ESTIMATE_CONTRADICTED };
enum tca_estimate_verdict tca_estimate_verdict(const struct tca_estimate *e);
const char *tca_estimate_basis(const struct tca_estimate *e); /* how the traffic tells it */

struct tca_estimates; /* opaque */

int tca_estimates_new(struct tca_estimates **ret_estimates); /* 0 or TCA_EMEMORY */
/* One judged flow, or one listener. `capture_ns`: when its capture begins; `sifted`: a filter left segments of it out, so
 * that silence proves nothing. Known facts must not have taken part in the judging. 0 or TCA_EMEMORY. */
int tca_estimates_flow(struct tca_estimates *all, const struct tca_case *c, const struct tca_verdict *v,
                       int64_t capture_ns, bool sifted);
int tca_estimates_listener(struct tca_estimates *all, const struct tca_listener *l,
                           const struct tca_host *host);
/* All are in. `known` may be NULL. Call once, before count and at. */
int tca_estimates_run(struct tca_estimates *all, const struct tca_known *known);
/* Ordered by capture, address, port, setting. */
size_t tca_estimates_count(const struct tca_estimates *all);
const struct tca_estimate *tca_estimates_at(const struct tca_estimates *all, size_t index);
/* Those that what is known contradicts, as incidents. 0 or TCA_EMEMORY. */
int tca_estimates_contradictions(const struct tca_estimates *all, struct tca_incidents *incidents);
void tca_estimates_free(struct tca_estimates *all); /* accepts NULL */

#endif
