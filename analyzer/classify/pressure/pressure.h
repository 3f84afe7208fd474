/* SPDX-License-Identifier: MIT
 *
 * SYN pressure: what connection attempts show that no single one can show. A flood and a crowd both fill a queue, a
 * scan and an outage both leave SYNs without an answer; which of them it was is told by all attempts of a listener,
 * of a source, or of a path together. Built by a sweep over all dossiers, after the sweep over listeners.
 *
 *     dossier --> attempt (one SYN with what became of it), its SYNs left unanswered, its repeats
 *     attempts by listener --> half-open requests over time, SYN cookies, full SYN queue    synqueue.c
 *                          --> floods and crowds                                            flood.c
 *                          --> payload in vain while others were answered                   vain.c
 *     attempts by source   --> scans                                                        scan.c
 *     repeats by time      --> bursts of loss                                               pathloss.c
 *     attempts by server, by pair of hosts --> why a SYN had no answer                      silence.c
 *
 * Results do not depend on the order of adds. Time is n log n, memory proportional to the number of flows; addresses
 * are compared, never hashed.
 */
#ifndef TCA_CLASSIFY_PRESSURE_H
#define TCA_CLASSIFY_PRESSURE_H

#include "base/anon.h"
#include "classify/read/dossier.h"
#include "classify/sweep/listener.h"

struct tca_incidents;
struct tca_known;

/* Why a SYN had no answer, and what else is said of one flow. One word per finding of scope flow. */
enum tca_press {
    TCA_PRESS_SCAN,
    TCA_PRESS_SYNQ_FULL,
    TCA_PRESS_PAWS,
    TCA_PRESS_FIREWALL,
    TCA_PRESS_NO_ROUTE,
    TCA_PRESS_LOST,
    TCA_PRESS_DEAD_HOST,
    TCA_PRESS_COUNT
};

enum tca_scan_kind {
    TCA_SCAN_NONE,
    TCA_SCAN_SYN,     /* hand-made SYNs, never acknowledged */
    TCA_SCAN_CONNECT, /* whole handshakes by an ordinary TCP */
    TCA_SCAN_ACK,
    TCA_SCAN_FIN,
    TCA_SCAN_NULL, /* no flags */
    TCA_SCAN_XMAS, /* FIN, PSH and URG */
    TCA_SCAN_KINDS
};

/* Away from the server: small payload came again and again in vain, while others of the same client were answered by the listener. */
enum tca_vain {
    TCA_VAIN_NOT,
    TCA_VAIN_ALONE,  /* so it was not the path as a whole */
    TCA_VAIN_COOKIE, /* and the listener sends SYN cookies: the ACK of one was refused */
};

/* What the sweep shows of one flow. */
struct tca_pressed {
    uint8_t confidence[TCA_PRESS_COUNT]; /* enum tca_confidence; 0: does not hold */
    uint8_t scan_kind;                   /* enum tca_scan_kind: of this flow */
    bool cookie;                     /* its SYN+ACK was a SYN cookie, as the listener's others settle it */
    bool request;                    /* there was a request and no cookie, as they settle it */
    uint8_t vain;                    /* enum tca_vain */
    uint32_t scan_ports, scan_hosts; /* of the whole scan: different ports, different hosts */
    uint32_t limit;                  /* half-open requests at which the SYN queue was full */
    uint32_t others;                 /* concordant attempts of the same cause */
};

struct tca_pressure; /* opaque */

/* 0 or TCA_EMEMORY. */
int tca_pressure_new(struct tca_pressure **ret_pressure);
/* Take one flow's small facts; the dossier may go away afterwards. Clocks and capture_end_ns must be settled. */
int tca_pressure_add(struct tca_pressure *pressure, const struct tca_dossier *d);
/* What the user told of the hosts; whether there were more attempts than memory had room for; sentences name hosts as `anon` shows
 * them. All borrowed until pressure has run. */
struct tca_pressure_terms {
    const struct tca_hosts *hosts; /* they are run */
    const struct tca_known *known;
    struct tca_anon *anon;
    struct tca_incidents *incidents; /* to which is added */
    bool in_part;
};
/* All flows are in: find what needs no listener, and put the rest in order. Once. 0 or TCA_EMEMORY. */
int tca_pressure_begin(struct tca_pressure *pressure, const struct tca_pressure_terms *terms);
/* Then, when `sweep` has run: judge them together, fill the listeners' fields of SYN pressure, add the incidents. Once, before
 * find. 0 or TCA_EMEMORY. */
int tca_pressure_run(struct tca_pressure *pressure, struct tca_sweep *sweep);
/* Never NULL: an empty one for a flow that nothing holds of. Borrowed until the pressure is freed. */
const struct tca_pressed *tca_pressure_find(const struct tca_pressure *pressure, const struct tca_dossier *d);
void tca_pressure_free(struct tca_pressure *pressure); /* accepts NULL */

#endif
