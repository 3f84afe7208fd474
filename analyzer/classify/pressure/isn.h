/* SPDX-License-Identifier: MIT
 *
 * Initial sequence numbers of a host, over its connections: do they follow a rule that lets a stranger guess the next?
 *
 * Only ends that took part in a handshake count; a tool that forges SYNs chooses its numbers as it likes.
 */
#ifndef TCA_CLASSIFY_ISN_H
#define TCA_CLASSIFY_ISN_H

#include "classify/pressure/incident.h"
#include "classify/read/dossier.h"

struct tca_isns; /* opaque */

int tca_isns_new(struct tca_isns **ret_isns); /* 0 or TCA_EMEMORY */
int tca_isns_add(struct tca_isns *isns, const struct tca_dossier *d);
/* All flows are in: adds an incident for each host that gives its numbers away. Call once. 0 or TCA_EMEMORY. */
int tca_isns_run(struct tca_isns *isns, const struct tca_hosts *hosts, struct tca_incidents *incidents);
void tca_isns_free(struct tca_isns *isns); /* accepts NULL */

#endif
