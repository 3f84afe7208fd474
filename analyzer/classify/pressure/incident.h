/* SPDX-License-Identifier: MIT
 *
 * Incidents: findings that belong to no single connection but to a listener, a host or a whole capture, and that
 * last for a time (a flood, a scan, a gap, a setting that contradicts what is known). The sweeps add them; the
 * report tells each as a `begin` and an `end`, and the summary reads them.
 */
#ifndef TCA_CLASSIFY_INCIDENT_H
#define TCA_CLASSIFY_INCIDENT_H

#include "classify/finding.h"

struct tca_incident {
    enum tca_finding_id id;
    enum tca_confidence confidence;
    enum tca_scope scope; /* LISTENER: addr and port; HOST: addr alone; CAPTURE: neither */
    uint32_t capture;     /* 1-based ordinal */
    uint8_t addr[16];     /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;
    uint8_t family;                /* 4 or 6 */
    int64_t first_ns, last_ns;     /* since the epoch */
    uint64_t frame[TCA_PROOF_MAX]; /* the frames that prove it: frame[0] begins it, the last one ends it */
    uint8_t frame_count;
    uint64_t flows, peers; /* connections it consists of; different addresses of the other side */
    int64_t value;         /* a number that belongs to it */
    const char *unit;      /* "pkts", "ns", "count"; NULL when value means nothing */
    char text[240];        /* one English sentence, full stop at the end */
};

struct tca_incidents {
    struct tca_incident *list; /* owned */
    size_t count, room;
};

/* A copy of it is kept. 0 or TCA_EMEMORY. */
int tca_incidents_add(struct tca_incidents *all, const struct tca_incident *one);
/* By capture, beginning, first frame, id, address, port: whatever order they were added in. */
void tca_incidents_sort(struct tca_incidents *all);
void tca_incidents_done(struct tca_incidents *all);

#endif
