/* SPDX-License-Identifier: MIT
 *
 * Flows that are one SYN, in the spool (lone.c). Private to the engine.
 */
#ifndef TCA_ENGINE_LONE_H
#define TCA_ENGINE_LONE_H

#include "engine/run.h"

/* What struct tca_flow_settings asks for; `user` is the shard. */
int tca_lone_over(void *user, const struct tca_segment *syn, int side, unsigned alike, bool *ret_told);
/* Decode an item of the sorter, if it is of such a flow: left_out of the spool is zeros, the index is made; *syn becomes its mark. */
bool tca_lone_get(const struct tca_session *s, const void *item, struct tca_mark *syn,
                  struct tca_dossier *ret);
/* What can be told of such an item at a glance. False: it is another one. */
struct tca_lone_syn {
    int64_t time_ns;
    uint32_t capture, seq;
    uint8_t client[16];
};
bool tca_lone_peek(const void *item, struct tca_lone_syn *ret);
void tca_lone_done(struct tca_session *s);

#endif
